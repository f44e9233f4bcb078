#pragma once

#include <cstdint>
#include <memory>

#include "base/assert.hh"
#include "base/limits.hh"
#include "reactor/core.hh"
#include "reactor/wait.hh"

/// How much work one core may have outstanding at each other core, so that none is buried under another's. The rings
/// between cores hold four times as much: replies, and the works of the other direction, find room. Who gets no credit
/// waits, and what it came from with it.
///
///   while (!mailbox.try_take(target)) co_await mailbox.returned(target);
///
/// Lives on one core and counts that core's works only.

namespace millrace::reactor {

class mailbox {
 public:
  explicit mailbox(core& on) : targets_(new std::unique_ptr<credit>[on.core_count()]), count_(on.core_count()) {
    for (unsigned i = 0; i < count_; ++i) targets_[i] = std::make_unique<credit>(on);
  }
  mailbox(const mailbox&) = delete;
  mailbox& operator=(const mailbox&) = delete;

  /// One more work for `target`; false where it has as many as it may.
  [[nodiscard]] bool try_take(base::core_id target) noexcept {
    credit& c = at(target);
    if (c.outstanding == base::works_outstanding_max) return false;
    ++c.outstanding;
    return true;
  }
  /// A reply came home.
  void give_back(base::core_id target) noexcept {
    credit& c = at(target);
    ASSERT(c.outstanding > 0);
    --c.outstanding;
    c.waiters.wake_one();
  }
  /// Waits until a credit for `target` came back; somebody else may have taken it since.
  wait_list::waiter returned(base::core_id target) { return at(target).waiters.wait(); }
  size_t outstanding(base::core_id target) const noexcept { return at(target).outstanding; }

 private:
  struct credit {
    explicit credit(core& on) : waiters(on) {}
    size_t outstanding = 0;
    wait_list waiters;
  };
  credit& at(base::core_id target) const noexcept {
    ASSERT(target.value() < count_);
    return *targets_[target.value()];
  }
  std::unique_ptr<std::unique_ptr<credit>[]> targets_;
  unsigned count_;
};

}  // namespace millrace::reactor
