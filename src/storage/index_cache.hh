#pragma once

#include <cstdint>

#include "base/intrusive_list.hh"

/// Which closed segments have their indexes in memory. Together they stay below a bound: those that were not used for the
/// longest time are dropped, and read from their files when they are wanted again. One per core, on that core.

namespace millrace::storage {

class segment;
struct index_age_tag;

class index_cache {
 public:
  explicit index_cache(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  /// A closed segment's complete indexes are about to be used, or were just completed; others may be dropped, not these.
  void used(segment& s);
  /// The segment goes away, or its indexes.
  void forget(segment& s);
  uint64_t bytes() const noexcept { return bytes_; }

 private:
  void drop_oldest();

  base::intrusive_list<segment, index_age_tag> ages_;  ///< the oldest use first
  const uint64_t bytes_max_;
  uint64_t bytes_ = 0;
};

}  // namespace millrace::storage
