#pragma once

#include <cstddef>
#include <cstdint>

#include "reactor/core.hh"

/// How much work of one kind is done in one turn of a core: what goes beyond waits for the next one. Counted in bytes that
/// are walked at the speed of a CRC; dearer work counts as many of them.

namespace millrace::api::kafka {

class turn_allowance {
 public:
  explicit turn_allowance(size_t limit) : limit_(limit) {}

  /// Whether `cost` more may be done in this turn; the first that asks in a turn always may.
  bool allows(const reactor::core& on, size_t cost) noexcept {
    if (turn_ != on.counters().turns) {
      turn_ = on.counters().turns;
      spent_ = 0;
    }
    return spent_ == 0 || spent_ + cost <= limit_;
  }
  /// Counts what was done.
  void spend(size_t cost) noexcept { spent_ += cost; }

 private:
  const size_t limit_;
  uint64_t turn_ = UINT64_MAX;
  size_t spent_ = 0;
};

}  // namespace millrace::api::kafka
