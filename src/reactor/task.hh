#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "base/assert.hh"

/// Direct transfer between coroutines is a tail call in clang always, in gcc 12 only at plain -O2; elsewhere a loop
/// of tasks that end at once would overflow the stack. So gcc calls and returns: the stack then grows with the depth
/// of nested tasks only, as with functions. The order in which bodies run is the same.
#if defined(__clang__)
#define MILLRACE_TASK_TRANSFER 1
#else
#define MILLRACE_TASK_TRANSFER 0
#endif

/// task<T>: a lazy coroutine. It starts when it is awaited and resumes its awaiter when it ends; call and return
/// transfer directly, every other wake-up goes through the core's ready queue. Destroying a task destroys its
/// suspended frame. Frames come from a per-thread pool by size class.
///
/// Rules that both compilers need (reference: conventions, "Coroutines"): await into a name, then look at the name;
/// arguments of an awaited call are names, scalars or moves; parameters by value; no capturing lambda coroutines.

namespace millrace::reactor {

namespace frame_pool {
/// Memory for one coroutine frame; from this thread's free lists. Never null.
void* take(size_t bytes);
void give_back(void* frame, size_t bytes) noexcept;
}  // namespace frame_pool

namespace detail {

struct promise_base {
  std::coroutine_handle<> awaiter = std::noop_coroutine();

  static void* operator new(size_t bytes) { return frame_pool::take(bytes); }
  static void operator delete(void* frame, size_t bytes) noexcept { frame_pool::give_back(frame, bytes); }

  std::suspend_always initial_suspend() noexcept { return {}; }
  struct final_awaiter {
    bool await_ready() noexcept { return false; }
#if MILLRACE_TASK_TRANSFER
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      return ended.promise().awaiter;
    }
#else
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      const std::coroutine_handle<> awaiter = ended.promise().awaiter;
      awaiter.resume();  // may destroy `ended`
    }
#endif
    void await_resume() noexcept {}
  };
  final_awaiter final_suspend() noexcept { return {}; }
  /// An exception that leaves a task is a broken invariant: operating errors are results.
  void unhandled_exception() noexcept { std::terminate(); }
};

template <class T>
struct promise : promise_base {
  std::optional<T> value;
  auto get_return_object() noexcept { return std::coroutine_handle<promise>::from_promise(*this); }
  template <class U>
  void return_value(U&& v) {
    value.emplace(std::forward<U>(v));
  }
  T take() { return std::move(*value); }
};

template <>
struct promise<void> : promise_base {
  auto get_return_object() noexcept { return std::coroutine_handle<promise>::from_promise(*this); }
  void return_void() noexcept {}
  void take() noexcept {}
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] task {
 public:
  using promise_type = detail::promise<T>;
  using handle = std::coroutine_handle<promise_type>;

  task() = default;
  task(handle h) : handle_(h) {}  // NOLINT: made by get_return_object
  task(task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  task& operator=(task&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~task() { reset(); }

  bool valid() const noexcept { return static_cast<bool>(handle_); }
  bool done() const noexcept { return handle_ && handle_.done(); }

  /// Awaiting starts the task and yields its value.
  auto operator co_await() && noexcept {
    struct awaiter {
      handle callee;
      bool await_ready() noexcept { return false; }
#if MILLRACE_TASK_TRANSFER
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
        callee.promise().awaiter = caller;
        return callee;
      }
#else
      bool await_suspend(std::coroutine_handle<> caller) noexcept {
        callee.resume();  // its awaiter is still the empty one: if it ends now, nobody is resumed twice
        if (callee.done()) return false;
        callee.promise().awaiter = caller;
        return true;
      }
#endif
      T await_resume() { return callee.promise().take(); }
    };
    ASSERT(handle_);
    return awaiter{handle_};
  }
  auto operator co_await() & noexcept { return std::move(*this).operator co_await(); }

  /// For roots only (scope, tests): the frame to resume and to ask for its value.
  handle root() const noexcept { return handle_; }

 private:
  void reset() noexcept {
    if (handle_) handle_.destroy();
    handle_ = {};
  }
  handle handle_;
};

}  // namespace millrace::reactor
