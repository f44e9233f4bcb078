#pragma once

#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/scope.hh"
#include "reactor/task.hh"

/// Calls of a function on another core. The mail that carries the call lives in the awaiter, hence
/// in the caller's frame: nothing is allocated. The caller must stay until the answer came; who
/// makes many calls takes credit first (mailbox.hh).
///
///   const size_t count = co_await call_on(here, owner, [&catalog](core& there) { return
///   catalog.count(there); });
///
/// The function runs on the target and may touch only what belongs there; what it captured by
/// reference is read there while its owner waits.

namespace millrace::reactor {

namespace detail {

/// A value of T, or that there was a call.
template <class T>
struct answer {
  std::optional<T> value;
  template <class F>
  void fill(F& f, core& there) {
    value.emplace(f(there));
  }
  T take() { return std::move(*value); }
};
template <>
struct answer<void> {
  template <class F>
  void fill(F& f, core& there) {
    f(there);
  }
  void take() {}
};

/// Mail that goes out, does its work, and comes home.
class round_trip : public mail {
 public:
  round_trip(core& here, base::core_id target) : here_(here), home_(here.id()), target_(target) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> caller) {
    caller_ = caller;
    here_.post(target_, *this);
  }
  void run(core& on) final {
    if (answered_) {
      caller_.resume();
    } else {
      work(on);
    }
  }
  const char* what() const noexcept override { return "call"; }

 protected:
  virtual void work(core& there) = 0;
  void send_home(core& there) {
    answered_ = true;
    there.post(home_, *this);
  }

 private:
  core& here_;  // touched at home only
  const base::core_id home_;
  const base::core_id target_;
  bool answered_ = false;
  std::coroutine_handle<> caller_;
};

template <class F>
class plain_call final : public round_trip {
 public:
  using value_type = std::invoke_result_t<F&, core&>;
  plain_call(core& here, base::core_id target, F f) : round_trip(here, target), function_(std::move(f)) {}
  value_type await_resume() { return answer_.take(); }

 private:
  void work(core& there) override {
    answer_.fill(function_, there);
    send_home(there);
  }
  F function_;
  answer<value_type> answer_;
};

template <class F>
class task_call final : public round_trip {
 public:
  using task_type = std::invoke_result_t<F&, core&>;
  using value_type = decltype(std::declval<task_type&>().root().promise().take());

  task_call(core& here, base::core_id target, scope& there, F f)
      : round_trip(here, target), scope_(there), function_(std::move(f)) {}
  value_type await_resume() { return answer_ ? std::move(*answer_) : value_type(base::fail(base::errc::closed)); }

 private:
  void work(core& there) override {
    if (scope_.closing()) {
      send_home(there);
    } else {
      scope_.spawn(drive(*this, there));
    }
  }
  static task<void> drive(task_call& call, core& there) {
    task_type running = call.function_(there);
    call.answer_.emplace(co_await std::move(running));
    call.send_home(there);
  }
  scope& scope_;  // touched on the target only
  F function_;
  std::optional<value_type> answer_;
};

}  // namespace detail

/// Awaited: runs f(core&) on `target` and yields what it returned.
template <class F>
detail::plain_call<F> call_on(core& here, base::core_id target, F f) {
  return detail::plain_call<F>(here, target, std::move(f));
}

/// Awaited: runs the task<result<T>> that f(core&) returns in `there`, a scope of `target`, and
/// yields its result; errc::closed where the scope takes no more tasks.
template <class F>
detail::task_call<F> call_task_on(core& here, base::core_id target, scope& there, F f) {
  return detail::task_call<F>(here, target, there, std::move(f));
}

}  // namespace millrace::reactor
