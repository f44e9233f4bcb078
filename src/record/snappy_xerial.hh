#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.hh"
#include "record/batch_header.hh"

/// Snappy as Kafka carries it. Java writes a stream (the xerial format): 16 bytes of header (0x82
/// "SNAPPY" 0, then version and compatible version, int32 each, big endian), then blocks: an int32
/// big-endian size and one raw snappy block of that size. Other clients send one raw block.

namespace millrace::record {

class snappy_reader {
 public:
  /// Borrows `input` until done.
  void begin(bytes input, uint64_t bytes_max);
  /// The next block opened, valid until the next call; empty at the end. Errors: malformed,
  /// truncated, too_large, no_memory.
  base::result<bytes> next();
  bool done() const { return rest_.empty(); }
  /// Bytes of memory for the block.
  size_t held() const { return block_capacity_; }

 private:
  base::result<bytes> open(bytes block);

  bytes rest_;
  uint64_t left_ = 0;  ///< bytes that may still come out
  bool framed_ = false;
  std::unique_ptr<uint8_t[]> block_;
  size_t block_capacity_ = 0;
};

class snappy_writer {
 public:
  static constexpr size_t block_bytes = 32 * 1024;

  /// Writes the stream's header to `target`.
  void begin(std::vector<uint8_t>& target);
  void write(bytes piece, std::vector<uint8_t>& target);
  void finish(std::vector<uint8_t>& target);

 private:
  void put(bytes block, std::vector<uint8_t>& target);
  std::vector<uint8_t> held_;  ///< less than one block
};

}  // namespace millrace::record
