#pragma once

#include "base/time.hh"
#include "reactor/core.hh"
#include "reactor/timer_wheel.hh"
#include "reactor/wait.hh"

/// What a task of a core waits for that looks at something again and again: one interval after each look, until a stop.

namespace millrace::broker {

class look_alarm {
 public:
  look_alarm(reactor::core& on, base::duration interval) : core_(on), interval_(interval), due_(on) {}
  look_alarm(const look_alarm&) = delete;
  look_alarm& operator=(const look_alarm&) = delete;

  base::duration interval() const noexcept { return interval_; }
  /// It rings one interval from now, unless it was stopped.
  void set() { set(interval_); }
  void set(base::duration from_now) {
    if (!stopped_) core_.timers().arm(bell_, core_.now() + from_now);
  }
  /// Until it rings, or is stopped.
  auto wait() { return due_.wait(); }
  void stop() noexcept {
    stopped_ = true;
    core_.timers().disarm(bell_);
    due_.wake_all();
  }
  bool stopped() const noexcept { return stopped_; }

 private:
  class bell final : public reactor::timer {
   public:
    explicit bell(look_alarm& of) : of_(of) {}
    void run(reactor::core&) override { of_.due_.wake_all(); }

   private:
    look_alarm& of_;
  };

  reactor::core& core_;
  const base::duration interval_;
  bell bell_{*this};
  reactor::wait_list due_;
  bool stopped_ = false;
};

}  // namespace millrace::broker
