#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "base/bytes.hh"
#include "base/intrusive_list.hh"
#include "base/tagged.hh"
#include "reactor/memory.hh"
#include "storage/file_range.hh"
#include "storage/types.hh"

/// The end of a log in memory: the bytes appended last, in pooled blocks of 4 to 64 KiB, addressed by segment and
/// position. The commit log and the destager write from it, hot fetches send from it. Bytes below the log's end never
/// change; a piece leaves from the front, once it is destaged and memory is wanted.

namespace millrace::storage {

/// Bytes of a read: a range inside a chunk that it keeps alive; or, where `file` is set, one in a file.
struct slice {
  reactor::chunk memory;
  const uint8_t* data = nullptr;
  uint32_t size = 0;
  file_range file{};
};

class log;

/// One block of a log's tail. In the core's list of pieces, oldest first, for eviction.
struct tail_piece : base::list_hook<> {
  static constexpr uint32_t none = UINT32_MAX;
  log* log_of = nullptr;  ///< whose tail it is in
  base::offset segment{0};
  uint64_t begin = 0;            ///< position of its first byte in the segment; a multiple of 4 KiB
  uint32_t first_batch = none;   ///< index of the first batch that starts in it
  base::offset first_offset{0};  ///< that batch's base offset
  reactor::chunk memory;
  uint64_t limit() const noexcept { return begin + memory.size(); }
};

/// Shared by the tails of one core: the memory, the ages of all pieces, and piece objects to use again.
struct tail_pool {
  explicit tail_pool(reactor::memory& m) : memory(m) {}
  ~tail_pool();
  reactor::memory& memory;
  base::intrusive_list<tail_piece> ages;  ///< oldest first
  std::vector<tail_piece*> spare;
  size_t bytes = 0;  ///< in pieces of all tails

  tail_piece* take(size_t size);  ///< null where memory has no block of `size`
  void give_back(tail_piece* piece);
};

class tail_memory {
 public:
  tail_memory(tail_pool& pool, log& of) : pool_(pool), of_(of) {}
  ~tail_memory() { clear(); }
  tail_memory(const tail_memory&) = delete;
  tail_memory& operator=(const tail_memory&) = delete;

  /// Room for `bytes` behind `position`, the end of `segment`; false, and nothing taken, where memory has none.
  /// `position` is inside the last piece, at its limit, or 0 in a new segment.
  bool reserve(base::offset segment, uint64_t position, uint64_t bytes);
  /// Gives back what was reserved behind `end`, the end of `segment`, and not used: the last piece is then the one
  /// that holds the byte before it.
  void trim(base::offset segment, uint64_t end);
  /// Copies to the reserved end, from `position` on; updates `crc` in the same pass where not null.
  void write(base::offset segment, uint64_t position, base::bytes source, uint32_t* crc);
  /// Notes that a batch with this base offset begins at `position`.
  void note_batch(base::offset segment, uint64_t position, base::offset base);
  /// Puts the tail block of a segment that is on disk back into memory: `block` holds [block_floor(end), end).
  bool adopt(base::offset segment, uint64_t end, base::bytes block);

  /// First position of `segment` that is in memory, with all behind it; nullopt where none is.
  std::optional<uint64_t> begin_of(base::offset segment) const;
  /// The piece that holds `position` of `segment`; null where none does.
  const tail_piece* find(base::offset segment, uint64_t position) const;
  /// The first piece of `segment` in which a batch begins; null where none does.
  const tail_piece* first_with_batch(base::offset segment) const;
  /// Calls out(piece, data, size) for the ranges that make up [begin, end) of a segment, all of which is in memory.
  template <class Out>
  void ranges(base::offset segment, uint64_t begin, uint64_t end, Out&& out) const;
  /// Copies [begin, end) of a segment.
  void copy(base::offset segment, uint64_t begin, uint64_t end, uint8_t* target) const;
  /// CRC-32C of [begin, end) of a segment.
  uint32_t crc(base::offset segment, uint64_t begin, uint64_t end) const;

  bool empty() const noexcept { return count_ == 0; }
  size_t count() const noexcept { return count_; }
  tail_piece& front() const { return *at(0); }
  /// Drops the first piece: its memory is free when the last read that holds it ends.
  void drop_front();
  void clear();

 private:
  tail_pool& pool_;
  log& of_;
  std::vector<tail_piece*> ring_;  // a power of two; grows, never shrinks
  size_t head_ = 0;
  size_t count_ = 0;

  tail_piece* at(size_t i) const { return ring_[(head_ + i) & (ring_.size() - 1)]; }
  void push_back(tail_piece* piece);
  /// Index of the piece that holds the position, count_ where none does.
  size_t index_of(base::offset segment, uint64_t position) const;
};

template <class Out>
void tail_memory::ranges(base::offset segment, uint64_t begin, uint64_t end, Out&& out) const {
  size_t i = begin < end ? index_of(segment, begin) : 0;
  while (begin < end) {
    ASSERT(i < count_);
    const tail_piece& piece = *at(i++);
    ASSERT(piece.segment == segment && piece.begin <= begin && begin < piece.limit());
    const uint64_t size = std::min<uint64_t>(end, piece.limit()) - begin;
    out(piece, piece.memory.data() + (begin - piece.begin), static_cast<uint32_t>(size));
    begin += size;
  }
}

}  // namespace millrace::storage
