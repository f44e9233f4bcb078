#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.hh"
#include "record/batch_view.hh"
#include "record/compressor.hh"
#include "record/record_iterator.hh"

/// batch_filter: a batch without some of its records, as compaction leaves it. Offsets, sequence
/// numbers, epoch and the range of offsets stay; records that stay keep their bytes, but where the
/// batch gets a delete horizon: their times then count from that (KIP-534).

namespace millrace::record {

class batch_filter {
 public:
  /// Begins to append to `target` a batch like `batch`, packed by its codec's default level.
  /// `delete_horizon` becomes the batch's base timestamp, with its bit; none: both stay as they are.
  /// Borrows everything until finish().
  batch_filter(const batch_view& batch, std::optional<unix_ms> delete_horizon, compressor& pack,
               std::vector<uint8_t>& target);

  /// Errors: those of the compressor; the target is then as it was before, and so for the others.
  base::result<void> begin();
  /// The next record that stays, as record_iterator gave it.
  base::result<void> keep(const record_view& record);
  /// At least one record was kept. Errors beside: too_large (over 2 GiB).
  base::result<void> finish();

 private:
  base::result<void> keep_moved(const record_view& record);
  base::failure undo(base::failure why);

  const batch_view batch_;
  const std::optional<unix_ms> delete_horizon_;
  compressor& pack_;
  std::vector<uint8_t>& target_;
  const size_t begin_;
  int32_t count_ = 0;
  unix_ms max_timestamp_ = no_timestamp;
};

/// Appends the batch without any record: 61 bytes that keep its range of offsets, its producer's
/// sequence and its largest timestamp.
void append_empty(const batch_view& batch, std::vector<uint8_t>& target);

}  // namespace millrace::record
