#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hh"
#include "base/tagged.hh"
#include "base/time.hh"
#include "base/uuid.hh"

/// Words of this room.

namespace millrace::storage {

inline constexpr uint64_t block_bytes = 4096;  ///< unit of every O_DIRECT write
constexpr uint64_t block_floor(uint64_t position) { return position & ~(block_bytes - 1); }
constexpr uint64_t block_ceil(uint64_t position) { return block_floor(position + block_bytes - 1); }

/// Whether an error passes by itself: what failed with it did not happen, and is tried again later.
constexpr bool passes(base::errc code) {
  return code == base::errc::no_space || code == base::errc::no_memory || code == base::errc::busy;
}

/// A log's name for life: topics made again get a new topic id.
struct log_id {
  base::uuid topic;
  int32_t partition = 0;
  friend auto operator<=>(const log_id&, const log_id&) = default;
};

/// A point between two batches of a log: which segment (by its base offset), how many bytes into it, and the
/// offset that the next batch there has.
struct log_point {
  base::offset segment{0};
  uint64_t position = 0;
  base::offset next{0};
  friend bool operator==(const log_point&, const log_point&) = default;
};

/// First offset that was appended under an epoch.
struct epoch_start {
  base::leader_epoch epoch{0};
  base::offset first{0};
  friend bool operator==(const epoch_start&, const epoch_start&) = default;
};

/// Offsets [begin, limit) whose bytes were found damaged: fetches from them fail, the rest of the log is served.
struct damaged_range {
  base::offset begin{0};
  base::offset limit{0};
  friend bool operator==(const damaged_range&, const damaged_range&) = default;
};

/// The settings of a topic that its logs follow; Kafka's names.
struct log_config {
  uint64_t segment_bytes = 1u << 30;
  base::duration segment_ms = base::milliseconds(int64_t{7} * 24 * 3600 * 1000);
  base::duration segment_jitter{};  ///< segment.jitter.ms: a part of it, another one for each segment, comes off segment_ms
  uint32_t index_interval_bytes = 4096;
  uint32_t segment_index_bytes = 10u << 20;
  bool preallocate = false;                     ///< a segment's file gets all of segment_bytes at its first write
  uint64_t decompressed_bytes_max = INT32_MAX;  ///< of one batch, where its records are looked at
  bool acknowledge_from_memory = false;         ///< millrace.ack = memory: answers do not wait for the disk
  int64_t retention_ms = -1;                    ///< age at which a segment goes; -1: it stays
  int64_t retention_bytes = -1;                 ///< size above which the oldest segments go; -1: they stay
  bool compact = false;                         ///< of records with one key the last one stays
  int64_t delete_retention_ms = 86400000;       ///< how long a tombstone stays after what it deletes
  int64_t min_compaction_lag_ms = 0;            ///< younger records are left alone
  int64_t max_compaction_lag_ms = INT64_MAX;    ///< older records are not
  double min_cleanable_dirty_ratio = 0.5;       ///< dirty share of a log at which it is compacted
};

/// What of a log must survive: a checkpoint stores it, recovery yields it, a log starts from it.
struct log_state {
  log_id id;
  std::string directory;  ///< name under the data directory: "<topic>-<partition>"
  log_point end;          ///< bytes up to here are in segments, durable, and are the log
  base::offset log_start{0};
  /// Batches with a producer id that lie below are in the log's producer snapshot; from here on they must be read again. At
  /// most `end`.
  base::offset producers_from{0};
  std::vector<epoch_start> epochs;    ///< ascending
  std::vector<damaged_range> damage;  ///< ascending, disjoint
  friend bool operator==(const log_state&, const log_state&) = default;
};

}  // namespace millrace::storage
