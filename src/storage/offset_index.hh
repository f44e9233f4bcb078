#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hh"
#include "base/result.hh"
#include "base/tagged.hh"

/// Kafka's offset index: pairs (offset relative to the segment's base, position), 8 bytes each, big endian, ascending.
/// An entry carries the last offset of the batch that begins at its position.

namespace millrace::storage {

class offset_index {
 public:
  struct entry {
    base::offset last;  ///< last offset of the batch at `position`
    uint32_t position;
  };
  explicit offset_index(base::offset base) : base_(base) {}

  void add(base::offset last, uint32_t position);
  /// The greatest position that is not behind the batch holding `target`: 0 where no entry is at or before it.
  uint32_t position_before(base::offset target) const;
  /// The greatest indexed batch start at or below `position` (0 at least).
  uint32_t batch_start_before(uint32_t position) const;
  size_t count() const noexcept { return entries_.size(); }
  /// Whether the file would be full, with so many entries before those here.
  bool full(uint32_t index_bytes_max, uint64_t before) const noexcept {
    return (before + entries_.size() + 1) * 8 > index_bytes_max;
  }
  /// The file's bytes.
  std::vector<uint8_t> encode() const;
  /// Takes a file's bytes where they are well-formed (ascending, below `size` and `limit`); corrupt otherwise.
  base::result<void> decode(base::bytes file, uint64_t size, base::offset limit);
  void clear() { std::vector<entry>().swap(entries_); }
  /// Puts entries of an earlier part of the segment before those here.
  void prepend(const offset_index& earlier);
  const std::vector<entry>& entries() const { return entries_; }

 private:
  base::offset base_;
  std::vector<entry> entries_;
};

}  // namespace millrace::storage
