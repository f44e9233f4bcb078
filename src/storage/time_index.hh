#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hh"
#include "base/result.hh"
#include "base/tagged.hh"
#include "base/time.hh"

/// Kafka's time index: pairs (largest timestamp so far, relative last offset of the batch that has it), 12 bytes each,
/// big endian, both ascending. The closed segment's last entry is its largest timestamp.

namespace millrace::storage {

class time_index {
 public:
  struct entry {
    base::unix_ms timestamp;
    base::offset last;
  };
  explicit time_index(base::offset base) : base_(base) {}

  /// Notes a batch: keeps the largest timestamp so far.
  void note(base::unix_ms max_timestamp, base::offset last);
  /// Adds an entry for what was noted so far, where it is larger than the last entry.
  void add_entry();
  /// Largest timestamp in the segment (-1 where empty) and the last offset of the first batch that has it.
  base::unix_ms largest() const noexcept { return largest_.timestamp; }
  base::offset largest_offset() const noexcept { return largest_.last; }
  /// Where a scan for the first record with a timestamp >= target may begin: no record before this offset is one.
  base::offset scan_from(base::unix_ms target) const;
  size_t count() const noexcept { return entries_.size(); }
  /// Whether the file would be full, with so many entries before those here and the one that a closed segment ends with.
  bool full(uint32_t index_bytes_max, uint64_t before) const noexcept {
    return (before + entries_.size() + 2) * 12 > index_bytes_max;
  }
  std::vector<uint8_t> encode() const;  ///< with a last entry for the largest
  base::result<void> decode(base::bytes file, base::offset limit);
  void clear();
  /// Keeps the largest alone.
  void drop_entries() { std::vector<entry>().swap(entries_); }
  void prepend(const time_index& earlier);

 private:
  base::offset base_;
  std::vector<entry> entries_;
  entry largest_{-1, base_};
};

}  // namespace millrace::storage
