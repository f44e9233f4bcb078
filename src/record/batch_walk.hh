#pragma once

#include <cstdint>

#include "base/result.hh"
#include "record/batch_view.hh"
#include "record/decompressor.hh"
#include "record/record_walker.hh"

/// Walking the records of a batch whatever its codec, in steps: a task yields between them.

namespace millrace::record {

class batch_walk {
 public:
  /// Borrows the batch's bytes and the decompressor until done or destroyed. `bytes_max` bounds
  /// what may be decompressed; it does not bound an uncompressed batch.
  batch_walk(const batch_view& batch, const walk_rules& rules, decompressor& unpack, uint64_t bytes_max);

  /// Goes on for about `budget` bytes of records. True when the walk is complete. Errors: those of
  /// record_walker; what cannot be opened is invalid_record (compression), but too_large and
  /// no_memory are said as such.
  base::result<bool> step(size_t budget);

  const walk_summary& summary() const { return walker_.summary(); }
  /// Bytes of records that were walked so far.
  uint64_t walked() const { return walked_; }

 private:
  const batch_view batch_;
  decompressor& unpack_;
  const uint64_t bytes_max_;
  record_walker walker_;
  uint64_t walked_ = 0;
  bool begun_ = false;
};

/// The whole walk at once.
base::result<walk_summary> walk_batch(const batch_view& batch, const walk_rules& rules, decompressor& unpack,
                                      uint64_t bytes_max);

/// A record found by its time.
struct found_record {
  base::offset at;
  unix_ms timestamp;
  bool found;  ///< false: none in this batch; the rest is then meaningless
};

/// The first record of a stored batch at or after `target` (ListOffsets by time).
base::result<found_record> find_by_timestamp(const batch_view& batch, unix_ms target, decompressor& unpack,
                                             uint64_t bytes_max);
/// The first record that has the batch's largest timestamp (ListOffsets -3).
base::result<found_record> find_max_timestamp(const batch_view& batch, decompressor& unpack, uint64_t bytes_max);

}  // namespace millrace::record
