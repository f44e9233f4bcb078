#pragma once

#include <optional>

#include "base/result.hh"
#include "base/time.hh"

/// What went wrong last with something that is tried again. It stands until that goes well.

namespace millrace::client {

class standing_error {
 public:
  bool stands() const noexcept { return stands_; }
  std::optional<base::error> why() const noexcept {
    if (!stands_) return std::nullopt;
    return why_;
  }
  /// That a connection was closed says less than what stands already.
  void note(base::error seen, base::instant now) noexcept {
    if (stands_ && seen.code == base::errc::closed) return;
    stands_ = true;
    why_ = seen;
    at_ = now;
  }
  void clear() noexcept { stands_ = false; }
  bool later_than(const standing_error& other) const noexcept { return stands_ && (!other.stands_ || at_ >= other.at_); }

 private:
  bool stands_ = false;
  base::error why_{};
  base::instant at_{};
};

}  // namespace millrace::client
