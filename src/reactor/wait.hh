#pragma once

#include <coroutine>

#include "base/intrusive_list.hh"
#include "base/time.hh"
#include "reactor/core.hh"
#include "reactor/op.hh"
#include "reactor/timer_wheel.hh"

/// What a task can wait for beside operations: an event, a time, its next turn.

namespace millrace::reactor {

/// Tasks wait until somebody wakes them; plain code does. No memory of past wakes: look at your condition, wait,
/// look again. Waiters must be gone (or destroyed) before it dies.
class wait_list {
 public:
  explicit wait_list(core& on) : core_(on) {}

  class waiter final : public ready_item {
   public:
    explicit waiter(wait_list& list) : list_(list) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) {
      handle_ = h;
      list_.waiters_.push_back(*this);
    }
    void await_resume() const noexcept {}
    void run(core&) override { handle_.resume(); }
    const char* what() const noexcept override { return "waiter"; }

   private:
    wait_list& list_;
    std::coroutine_handle<> handle_;
  };

  /// co_await list.wait();
  waiter wait() { return waiter(*this); }
  bool empty() const noexcept { return waiters_.empty(); }
  void wake_one() {
    if (!waiters_.empty()) core_.make_ready(waiters_.pop_front());
  }
  void wake_all() {
    while (!waiters_.empty()) wake_one();
  }

 private:
  core& core_;
  ready_list waiters_;
};

/// co_await sleep(core, 5 ms).
class sleeper final : public timer {
 public:
  sleeper(core& on, base::duration length) : core_(on), length_(length) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    handle_ = h;
    core_.timers().arm(*this, core_.now() + length_);
  }
  void await_resume() const noexcept {}
  void run(core&) override { handle_.resume(); }

 private:
  core& core_;
  base::duration length_;
  std::coroutine_handle<> handle_;
};
inline sleeper sleep(core& on, base::duration length) { return sleeper(on, length); }

/// co_await next_turn(core): lets everything else that is ready run first.
class yielder final : public ready_item {
 public:
  explicit yielder(core& on) : core_(on) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    handle_ = h;
    core_.make_ready_next_turn(*this);
  }
  void await_resume() const noexcept {}
  void run(core&) override { handle_.resume(); }

 private:
  core& core_;
  std::coroutine_handle<> handle_;
};
inline yielder next_turn(core& on) { return yielder(on); }

/// The awaitable form of an op: co_await yields op::result.
class awaited_op : public op {
 public:
  awaited_op(core& on, op_kind k) : op(k), core_(on) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    handle_ = h;
    core_.submit(*this);
  }
  int64_t await_resume() const noexcept { return result; }
  void run(core&) override { handle_.resume(); }

 private:
  core& core_;
  std::coroutine_handle<> handle_;
};

}  // namespace millrace::reactor
