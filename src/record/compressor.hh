#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.hh"
#include "record/batch_header.hh"

/// compressor: the way back from records to one of Kafka's codecs, piece by piece. One for each
/// core, like the decompressor. What it writes is what Java's reader takes: lz4 frames of
/// independent 64 KiB blocks, snappy as a stream of 32 KiB blocks.

namespace millrace::record {

class compressor {
 public:
  compressor();
  ~compressor();
  compressor(const compressor&) = delete;
  compressor& operator=(const compressor&) = delete;

  /// Begins to append to `target`, which outlives finish(). `level` is the codec's own scale,
  /// clamped to it; none: its default. Codec none copies. Above zstd's default what comes with one
  /// write() is packed by it, not later with more, and the window is bounded: level 22 as the library
  /// has it takes 800 MiB and half a second at a time. Errors: unsupported_compression, no_memory.
  base::result<void> begin(codec which, std::optional<int> level, std::vector<uint8_t>& target);
  /// Errors: no_memory.
  base::result<void> write(bytes piece);
  base::result<void> finish();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace millrace::record
