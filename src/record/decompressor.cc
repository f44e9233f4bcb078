#include "record/decompressor.hh"

#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>

#include "record/check.hh"
#include "record/snappy_xerial.hh"

namespace millrace::record {
namespace {

using base::errc;

constexpr size_t input_bytes_max = 4 * decompressor::piece_bytes_max;
constexpr int gzip_only = 15 + 16;  // zlib: largest window, gzip wrapper
constexpr unsigned window_log_max = 27;

base::failure refuse(errc code) { return base::fail(code, 0, place(check::compression)); }

/// What one call into a library did.
struct progress {
  size_t read;
  size_t written;
  bool frame_end;  ///< the frame (member) is complete; what follows is another one
};

}  // namespace

struct decompressor::state {
  codec which = codec::none;
  bytes rest;         ///< input not yet read
  uint64_t left = 0;  ///< bytes that may still come out
  unsigned window_log = window_log_max;
  bool inside_frame = false;
  bool finished = true;

  z_stream gzip{};
  bool gzip_ready = false;
  LZ4F_dctx* lz4 = nullptr;
  ZSTD_DCtx* zstd = nullptr;
  snappy_reader snappy;
  bytes snappy_block;  ///< opened and not yet returned
  std::array<uint8_t, piece_bytes_max> piece;

  ~state() {
    if (gzip_ready) inflateEnd(&gzip);
    LZ4F_freeDecompressionContext(lz4);
    ZSTD_freeDCtx(zstd);
  }

  base::result<void> prepare();
  base::result<progress> step(bytes in, mutable_bytes out);
  base::result<progress> step_gzip(bytes in, mutable_bytes out);
  base::result<progress> step_lz4(bytes in, mutable_bytes out);
  base::result<progress> step_zstd(bytes in, mutable_bytes out);
  base::result<bytes> next_plain();
  base::result<bytes> next_snappy();
  base::result<bytes> next_stream();
};

decompressor::decompressor() : state_(std::make_unique<state>()) {}
decompressor::~decompressor() = default;

base::result<void> decompressor::begin(codec which, bytes input, uint64_t bytes_max) {
  state& s = *state_;
  s.which = which;
  s.rest = input;
  s.left = bytes_max;
  s.inside_frame = false;
  s.snappy_block = {};
  s.finished = true;
  TRY_CHECK(s.prepare());
  s.finished = input.empty();
  return {};
}

bool decompressor::done() const { return state_->finished; }

void decompressor::limit_window(unsigned log) { state_->window_log = std::min(log, window_log_max); }

size_t decompressor::held() const { return ZSTD_sizeof_DCtx(state_->zstd) + state_->snappy.held(); }

void decompressor::forget() {
  const unsigned window_log = state_->window_log;
  state_ = std::make_unique<state>();
  state_->window_log = window_log;
}

base::result<bytes> decompressor::next() {
  state& s = *state_;
  if (s.finished) return bytes{};
  switch (s.which) {
    case codec::none:
      return s.next_plain();
    case codec::snappy:
      return s.next_snappy();
    default:
      return s.next_stream();
  }
}

base::result<void> decompressor::state::prepare() {
  switch (which) {
    case codec::none:
      return {};
    case codec::snappy:
      snappy.begin(rest, left);
      return {};
    case codec::gzip:
      if (!gzip_ready) {
        if (inflateInit2(&gzip, gzip_only) != Z_OK) return refuse(errc::no_memory);
        gzip_ready = true;
      }
      inflateReset(&gzip);
      return {};
    case codec::lz4:
      if (lz4 == nullptr && LZ4F_isError(LZ4F_createDecompressionContext(&lz4, LZ4F_VERSION))) {
        lz4 = nullptr;
        return refuse(errc::no_memory);
      }
      LZ4F_resetDecompressionContext(lz4);
      return {};
    case codec::zstd:
      if (zstd == nullptr) zstd = ZSTD_createDCtx();
      if (zstd == nullptr) return refuse(errc::no_memory);
      ZSTD_DCtx_reset(zstd, ZSTD_reset_session_only);
      ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, static_cast<int>(window_log));
      return {};
  }
  return refuse(errc::unsupported_compression);
}

base::result<bytes> decompressor::state::next_plain() {
  const bytes part = rest.first(std::min(rest.size(), piece_bytes_max));
  if (part.size() > left) return refuse(errc::too_large);
  left -= part.size();
  rest = rest.subspan(part.size());
  finished = rest.empty();
  return part;
}

base::result<bytes> decompressor::state::next_snappy() {
  if (snappy_block.empty() && !snappy.done()) {
    TRY(snappy_block, snappy.next());
  }
  const bytes part = snappy_block.first(std::min(snappy_block.size(), piece_bytes_max));
  snappy_block = snappy_block.subspan(part.size());
  finished = snappy_block.empty() && snappy.done();
  return part;
}

base::result<bytes> decompressor::state::next_stream() {
  size_t written = 0;
  size_t readable = input_bytes_max;
  while (written < piece.size() && readable > 0) {
    const bytes in = rest.first(std::min(rest.size(), readable));
    TRY(const progress made, step(in, mutable_bytes(piece).subspan(written)));
    rest = rest.subspan(made.read);
    readable -= made.read;
    written += made.written;
    inside_frame = !made.frame_end;
    if (rest.empty() && !inside_frame) {
      finished = true;
      break;
    }
    if (made.read == 0 && made.written == 0 && !made.frame_end) {
      return refuse(rest.empty() ? errc::truncated : errc::malformed);
    }
  }
  if (written > left) return refuse(errc::too_large);
  left -= written;
  return bytes(piece.data(), written);
}

base::result<progress> decompressor::state::step(bytes in, mutable_bytes out) {
  switch (which) {
    case codec::gzip:
      return step_gzip(in, out);
    case codec::lz4:
      return step_lz4(in, out);
    default:
      return step_zstd(in, out);
  }
}

base::result<progress> decompressor::state::step_gzip(bytes in, mutable_bytes out) {
  gzip.next_in = const_cast<Bytef*>(in.data());  // zlib reads only
  gzip.avail_in = static_cast<uInt>(in.size());
  gzip.next_out = out.data();
  gzip.avail_out = static_cast<uInt>(out.size());
  const int code = inflate(&gzip, Z_NO_FLUSH);
  if (code == Z_MEM_ERROR) return refuse(errc::no_memory);
  if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) return refuse(errc::malformed);
  const progress made{in.size() - gzip.avail_in, out.size() - gzip.avail_out, code == Z_STREAM_END};
  if (made.frame_end) inflateReset(&gzip);
  return made;
}

base::result<progress> decompressor::state::step_lz4(bytes in, mutable_bytes out) {
  size_t read = in.size();
  size_t written = out.size();
  const size_t code = LZ4F_decompress(lz4, out.data(), &written, in.data(), &read, nullptr);
  if (LZ4F_isError(code)) return refuse(errc::malformed);
  return progress{read, written, code == 0};
}

base::result<progress> decompressor::state::step_zstd(bytes in, mutable_bytes out) {
  ZSTD_inBuffer source{in.data(), in.size(), 0};
  ZSTD_outBuffer target{out.data(), out.size(), 0};
  const size_t code = ZSTD_decompressStream(zstd, &target, &source);
  if (ZSTD_isError(code)) {
    switch (ZSTD_getErrorCode(code)) {
      case ZSTD_error_memory_allocation:
        return refuse(errc::no_memory);
      case ZSTD_error_frameParameter_windowTooLarge:
        return refuse(errc::too_large);
      default:
        return refuse(errc::malformed);
    }
  }
  return progress{source.pos, target.pos, code == 0};
}

}  // namespace millrace::record
