#pragma once

#include <coroutine>
#include <memory>

#include "broker/group/coordinator_log.hh"

namespace millrace::broker {

/// A coordinator's write that a task waits for:
///
///   awaited_write done;
///   const offsets_range at = log.append(records, most, done.hook());
///   const group_error outcome = co_await done;
///
/// It lives in the task's frame; where that is destroyed first (the world's crash), nobody is told.
class awaited_write {
 public:
  awaited_write() = default;
  awaited_write(const awaited_write&) = delete;
  awaited_write& operator=(const awaited_write&) = delete;

  /// Once.
  std::unique_ptr<coordinator_write> hook() { return std::make_unique<teller>(*this); }

  bool await_ready() const noexcept { return told_; }
  void await_suspend(std::coroutine_handle<> h) noexcept { waiting_ = h; }
  group_error await_resume() const noexcept { return outcome_; }

 private:
  class teller final : public coordinator_write {
   public:
    explicit teller(awaited_write& of) : of_(of) {}
    void done(group_error outcome) override {
      of_.told_ = true;
      of_.outcome_ = outcome;
      if (of_.waiting_) of_.waiting_.resume();
    }

   private:
    awaited_write& of_;
  };
  bool told_ = false;
  group_error outcome_ = group_error::none;
  std::coroutine_handle<> waiting_;
};

}  // namespace millrace::broker
