#pragma once

#include <vector>

#include "reactor/core.hh"
#include "reactor/op.hh"
#include "storage/log.hh"

/// Writes of whole blocks from a log's tail to its segment, each durable by itself (RWF_DSYNC). Used by the commit log for
/// large appends and by the destager. Writes of one segment may complete in any order; segment::written moves in order.

namespace millrace::storage {

class segment_write;

/// Told once for each write, on the core, when it ended; `error` is an errno or 0. The write is given back by then.
class segment_write_owner {
 public:
  virtual ~segment_write_owner() = default;
  virtual void segment_written(log& l, int error) = 0;
  /// Whether a write that failed is to be written once more; what comes of that is told. Not as if it had not failed: the
  /// owner has dealt with the log.
  virtual bool write_again(log& l) {
    (void)l;
    return false;
  }
};

/// Makes segment writes, from a pool of them.
class segment_writer {
 public:
  /// What one write takes at most.
  static constexpr uint64_t bytes_max = 1u << 20;

  explicit segment_writer(reactor::core& on) : core_(on) {}
  ~segment_writer();

  /// Starts a write of [s.issued, end) of the tail, whole blocks, at most bytes_max of them, and moves s.issued. The file
  /// is open and allocated so far. Returns the new s.issued.
  uint64_t write_blocks(log& l, segment& s, uint64_t end, segment_write_owner& told);
  /// Starts a write of the last block of a log's tail, padded with zeros in `block` (4 KiB); all blocks before it are
  /// issued. s.issued stays: the block is written again when it is full.
  void write_tail_block(log& l, segment& s, uint64_t end, reactor::chunk block, segment_write_owner& told);
  unsigned in_flight() const noexcept { return in_flight_; }
  /// Bytes of writes in flight; of those of one owner.
  uint64_t bytes_in_flight() const noexcept { return bytes_in_flight_; }
  uint64_t bytes_in_flight(const segment_write_owner& told) const;
  /// Forgets writes that the backend forgot: the world's crash.
  void abandon() noexcept;

 private:
  friend class segment_write;
  segment_write& take(log& l, segment& s, segment_write_owner& told);
  void note_bytes(segment_write& w);
  void ended(segment_write& w, int error);

  reactor::core& core_;
  std::vector<segment_write*> all_;
  std::vector<segment_write*> spare_;
  unsigned in_flight_ = 0;
  uint64_t bytes_in_flight_ = 0;
};

}  // namespace millrace::storage
