#pragma once

#include <algorithm>

#include "base/time.hh"

/// How long an idle core looks around before it sleeps. Waking a sleeper costs tens of
/// microseconds, so looking pays while work keeps coming; a core without work must not burn. The
/// length follows what looking found: doubled when it found work, halved when it ended empty, down
/// to nothing; a sleep that was so short that looking would have found its end begins it again.

namespace millrace::reactor {

class spin_length {
 public:
  explicit spin_length(base::duration most) : most_(most) {}

  base::duration now() const noexcept { return length_; }
  void found_work() noexcept { length_ = std::min(most_, length_ * 2); }
  void found_nothing() noexcept { length_ = length_ / 2 < least ? base::duration{} : length_ / 2; }
  /// A sleep ended with work after `slept`.
  void woken_after(base::duration slept) noexcept {
    if (slept < most_) length_ = std::min(most_, std::max(length_ * 2, least * 4));
  }

 private:
  static constexpr base::duration least = base::microseconds(4);
  base::duration most_;
  base::duration length_{};
};

}  // namespace millrace::reactor
