#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.hh"
#include "reactor/backend.hh"

/// The times of one core's turns: how long the turn has run (core ends it after a while), which items were slow, and, for a
/// turn that took too long, whether the thread had the processor. Lives in core, on that core's thread.

namespace millrace::reactor {

class turn_watch {
 public:
  explicit turn_watch(backend& effects) noexcept : effects_(effects) {}

  /// A turn begins.
  void begin(base::instant now) noexcept;
  /// An item is about to run; `what` is static text.
  void runs(const char* what) noexcept { words_[since_++] = what; }
  /// Whether it is time for look(): often where a turn begins and where items are slow, seldom where they are not, since a
  /// look costs as much as a few quick ones.
  bool look_due() const noexcept { return since_ == stretch_; }
  /// Looks at the clock, where something ran since the last time.
  void look() noexcept;

  /// From the begin to the last look.
  base::duration ran() const noexcept { return looked_ - begun_; }
  /// Of this turn, the longest time between two looks, and what the first items were called that ran in it (null: no more).
  base::duration slowest() const noexcept { return slowest_; }
  const std::array<const char*, 4>& slowest_words() const noexcept { return slowest_words_; }
  /// What the thread used since the turn began, or since a millisecond before that at most. For a turn that is over and did
  /// not wait.
  thread_use used() const noexcept;

 private:
  static constexpr size_t stretch_max = 8;

  backend& effects_;
  base::instant begun_{};
  base::instant looked_{};
  std::array<const char*, stretch_max> words_{};
  size_t since_ = 0;    // items since the last look
  size_t stretch_ = 1;  // items between looks
  base::duration slowest_{};
  std::array<const char*, 4> slowest_words_{};
  thread_use sample_{};  // the thread has not slept in a poll since
  base::instant sampled_{};
};

}  // namespace millrace::reactor
