#pragma once

#include <cstdint>
#include <memory>

#include "base/result.hh"
#include "record/batch_header.hh"

/// decompressor: opens compressed records piece by piece, so that the caller may yield between
/// pieces and no batch is ever held open as a whole. One for each core, used for one batch after
/// another: what the libraries need is allocated at the first batch of a codec and kept.
///
/// Formats: gzip (RFC 1952, several members), snappy as one raw block or as the stream of blocks
/// that Java writes (snappy_xerial.hh), the lz4 frame format, zstd frames (RFC 8878). Never more
/// than `bytes_max` bytes come out, and memory is bounded by what came in: snappy needs one block
/// whole, and its claim of a size is believed only as far as its input can grow; zstd's window is
/// at most as limit_window() says and touched only as far as bytes came out.

namespace millrace::record {

class decompressor {
 public:
  decompressor();
  ~decompressor();
  decompressor(const decompressor&) = delete;
  decompressor& operator=(const decompressor&) = delete;

  /// The most that one call of next() returns, and four times what it reads.
  static constexpr size_t piece_bytes_max = 64 * 1024;

  /// The largest zstd window that is opened, as a power of two: 10 to 27, at first 27 (128 MiB, what
  /// zstd's highest level asks for). Larger ones are too_large.
  void limit_window(unsigned log);

  /// Begins with `input`, which stays the caller's and in place until done. Empty input gives
  /// nothing. Errors: unsupported_compression, no_memory.
  base::result<void> begin(codec which, bytes input, uint64_t bytes_max);

  /// The next piece, valid until the next call; may be empty before the end. Codec none returns
  /// parts of the input. Errors: malformed, truncated, too_large (more than bytes_max would come
  /// out), no_memory. `place` is check::compression. After an error only begin() may follow.
  base::result<bytes> next();
  bool done() const;

  /// Bytes that the libraries hold for windows and blocks.
  size_t held() const;
  /// Gives all of it back. Only begin() may follow.
  void forget();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace millrace::record
