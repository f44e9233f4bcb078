#pragma once

#include "base/time.hh"
#include "reactor/bell.hh"
#include "reactor/core.hh"

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
  reactor::core& core_;
  const base::duration interval_;
  reactor::wait_list due_;
  reactor::bell bell_{due_};
  bool stopped_ = false;
};

}  // namespace millrace::broker
