#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.hh"
#include "record/batch_header.hh"
#include "record/record_iterator.hh"

/// batch_builder: makes one batch out of records, for the doors that do not speak Kafka's format,
/// for internal topics, for compaction and for tests.

namespace millrace::record {

/// One record to write; everything is borrowed for the call.
struct new_record {
  unix_ms timestamp = no_timestamp;
  std::optional<bytes> key{};    ///< none: null
  std::optional<bytes> value{};  ///< none: null
  std::span<const header_field> headers{};
};

struct batch_options {
  record::codec codec = record::codec::none;
  std::optional<int> level{};  ///< none: the codec's default
  base::offset base_offset{0};
  base::leader_epoch leader_epoch{-1};
  int64_t producer_id = no_producer_id;
  int16_t producer_epoch = -1;
  int32_t base_sequence = no_sequence;
  bool transactional = false;
  bool control = false;
  /// Makes a LogAppendTime batch whose records all have this time.
  std::optional<unix_ms> log_append_time{};
  /// Where deltas count from; none: the first record's time. With `delete_horizon` this is the
  /// horizon.
  std::optional<unix_ms> base_timestamp{};
  bool delete_horizon = false;
  /// The batch's max timestamp is no less than this: what compaction keeps of a batch whose records
  /// left.
  unix_ms max_timestamp_least = no_timestamp;
};

class batch_builder {
 public:
  /// Appends one batch to `target`, which is the builder's until finish() and then holds the whole
  /// batch.
  batch_builder(std::vector<uint8_t>& target, const batch_options& options);
  batch_builder(const batch_builder&) = delete;
  batch_builder& operator=(const batch_builder&) = delete;

  /// Adds a record at the next offset.
  void add(const new_record& record);
  /// Adds a record at a later offset (compaction leaves gaps). Asserts that deltas rise.
  void add_at(int32_t offset_delta, const new_record& record);
  /// Writes `last_offset_delta` although no record stands there: compaction keeps a batch's range.
  void extend_to(int32_t last_offset_delta);

  int32_t count() const { return count_; }
  /// Bytes of the batch so far, before compression.
  size_t size() const { return target_.size() - begin_; }
  /// An upper bound for what `record` adds to size().
  static size_t size_bound(const new_record& record);

  /// Completes length, counts, times and CRC, compressing the records if asked; call it once. A
  /// batch without records is not compressed. Returns the batch, as bytes of the target. Errors:
  /// too_large for a batch over 2 GiB, invalid_timestamp where two times lie further apart than 64
  /// bits hold, unsupported_compression, no_memory; the target is then as it was before this batch.
  base::result<mutable_bytes> finish();

 private:
  std::vector<uint8_t>& target_;
  const size_t begin_;
  const batch_options options_;
  int32_t count_ = 0;
  int32_t last_delta_ = -1;
  unix_ms base_timestamp_;
  unix_ms max_timestamp_;
  bool times_too_far_ = false;
};

}  // namespace millrace::record
