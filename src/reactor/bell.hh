#pragma once

#include "reactor/timer_wheel.hh"
#include "reactor/wait.hh"

namespace millrace::reactor {

/// Wakes a list at a time: armed before a wait and disarmed behind it, it bounds the wait.
class bell final : public timer {
 public:
  explicit bell(wait_list& of) : of_(of) {}
  void run(core&) override { of_.wake_all(); }

 private:
  wait_list& of_;
};

}  // namespace millrace::reactor
