#include "record/compressor.hh"

#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>

#include "base/assert.hh"
#include "record/check.hh"
#include "record/compression.hh"
#include "record/snappy_xerial.hh"

namespace millrace::record {
namespace {

using base::errc;

constexpr int gzip_only = 15 + 16;  // zlib: largest window, gzip wrapper
constexpr int gzip_memory = 8;      // zlib's default
constexpr size_t step_bytes = 64 * 1024;
/// Of zstd above its default level, as powers of two: no more than 8 MiB in all.
constexpr int zstd_window_log = 19;
constexpr int zstd_table_log = 19;

base::failure refuse(errc code) { return base::fail(code, 0, place(check::compression)); }

/// What Kafka's Java reader needs: independent blocks.
LZ4F_preferences_t lz4_preferences(int level) {
  LZ4F_preferences_t how{};
  how.frameInfo.blockSizeID = LZ4F_max64KB;
  how.frameInfo.blockMode = LZ4F_blockIndependent;
  how.compressionLevel = level;
  return how;
}

}  // namespace

struct compressor::state {
  codec which = codec::none;
  std::vector<uint8_t>* target = nullptr;  ///< null outside begin..finish
  z_stream gzip{};
  std::optional<int> gzip_level;  ///< of the stream that is ready; none: there is none
  LZ4F_cctx* lz4 = nullptr;
  ZSTD_CCtx* zstd = nullptr;
  ZSTD_EndDirective zstd_piece = ZSTD_e_continue;  ///< what a piece that is not the last one says
  snappy_writer snappy;

  ~state() {
    if (gzip_level) deflateEnd(&gzip);
    LZ4F_freeCompressionContext(lz4);
    ZSTD_freeCCtx(zstd);
  }

  /// Lengthens the target by `size` bytes for a library to write to; `used` of them stay.
  uint8_t* lend(size_t size) {
    target->resize(target->size() + size);
    return target->data() + target->size() - size;
  }
  void keep(size_t size, size_t used) { target->resize(target->size() - size + used); }

  base::result<void> prepare(int level);
  base::result<void> prepare_gzip(int level);
  base::result<void> prepare_zstd(int level);
  base::result<void> prepare_lz4(int level);
  base::result<void> finish();
  base::result<void> finish_lz4();
  base::result<void> write_gzip(bytes piece, int flush);
  base::result<void> write_lz4(bytes piece);
  base::result<void> write_zstd(bytes piece, ZSTD_EndDirective end);
};

compressor::compressor() : state_(std::make_unique<state>()) {}
compressor::~compressor() = default;

base::result<void> compressor::begin(codec which, std::optional<int> level, std::vector<uint8_t>& target) {
  const level_range range = levels_of(which);
  state_->which = which;
  state_->target = &target;
  return state_->prepare(std::clamp(level.value_or(range.usual), range.least, range.most));
}

base::result<void> compressor::write(bytes piece) {
  state& s = *state_;
  ASSERT(s.target != nullptr);
  if (piece.empty()) return {};
  switch (s.which) {
    case codec::none:
      s.target->insert(s.target->end(), piece.begin(), piece.end());
      return {};
    case codec::gzip:
      return s.write_gzip(piece, Z_NO_FLUSH);
    case codec::snappy:
      s.snappy.write(piece, *s.target);
      return {};
    case codec::lz4:
      return s.write_lz4(piece);
    case codec::zstd:
      return s.write_zstd(piece, s.zstd_piece);
  }
  return refuse(errc::unsupported_compression);
}

base::result<void> compressor::finish() {
  ASSERT(state_->target != nullptr);
  const auto done = state_->finish();
  state_->target = nullptr;
  return done;
}

base::result<void> compressor::state::finish() {
  switch (which) {
    case codec::none:
      return {};
    case codec::gzip:
      return write_gzip({}, Z_FINISH);
    case codec::snappy:
      snappy.finish(*target);
      return {};
    case codec::lz4:
      return finish_lz4();
    case codec::zstd:
      return write_zstd({}, ZSTD_e_end);
  }
  return refuse(errc::unsupported_compression);
}

base::result<void> compressor::state::prepare(int level) {
  switch (which) {
    case codec::none:
      return {};
    case codec::gzip:
      return prepare_gzip(level);
    case codec::snappy:
      snappy.begin(*target);
      return {};
    case codec::lz4:
      return prepare_lz4(level);
    case codec::zstd:
      return prepare_zstd(level);
  }
  return refuse(errc::unsupported_compression);
}

base::result<void> compressor::state::prepare_gzip(int level) {
  if (gzip_level == level) {
    deflateReset(&gzip);
    return {};
  }
  if (gzip_level) deflateEnd(&gzip);
  gzip_level.reset();
  gzip = {};
  if (deflateInit2(&gzip, level, Z_DEFLATED, gzip_only, gzip_memory, Z_DEFAULT_STRATEGY) != Z_OK) {
    return refuse(errc::no_memory);
  }
  gzip_level = level;
  return {};
}

base::result<void> compressor::state::prepare_zstd(int level) {
  if (zstd == nullptr) zstd = ZSTD_createCCtx();
  if (zstd == nullptr) return refuse(errc::no_memory);
  ZSTD_CCtx_reset(zstd, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level);
  const bool slow = level > levels_of(codec::zstd).usual;
  zstd_piece = slow ? ZSTD_e_flush : ZSTD_e_continue;
  if (!slow) return {};
  ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, zstd_window_log);
  ZSTD_CCtx_setParameter(zstd, ZSTD_c_hashLog, zstd_table_log);
  ZSTD_CCtx_setParameter(zstd, ZSTD_c_chainLog, zstd_table_log);
  return {};
}

base::result<void> compressor::state::prepare_lz4(int level) {
  if (lz4 == nullptr && LZ4F_isError(LZ4F_createCompressionContext(&lz4, LZ4F_VERSION))) {
    lz4 = nullptr;
    return refuse(errc::no_memory);
  }
  const LZ4F_preferences_t how = lz4_preferences(level);
  const size_t used = LZ4F_compressBegin(lz4, lend(LZ4F_HEADER_SIZE_MAX), LZ4F_HEADER_SIZE_MAX, &how);
  const bool failed = LZ4F_isError(used) != 0;
  keep(LZ4F_HEADER_SIZE_MAX, failed ? 0 : used);
  return failed ? base::result<void>(refuse(errc::no_memory)) : base::result<void>();
}

base::result<void> compressor::state::write_gzip(bytes piece, int flush) {
  // zlib counts in 32 bits.
  do {
    const bytes part = piece.first(std::min(piece.size(), size_t{1} << 30));
    piece = piece.subspan(part.size());
    gzip.next_in = const_cast<Bytef*>(part.data());  // zlib reads only
    gzip.avail_in = static_cast<uInt>(part.size());
    do {
      gzip.next_out = lend(step_bytes);
      gzip.avail_out = step_bytes;
      deflate(&gzip, flush);
      keep(step_bytes, step_bytes - gzip.avail_out);
    } while (gzip.avail_out == 0);
  } while (!piece.empty());
  return {};
}

base::result<void> compressor::state::write_lz4(bytes piece) {
  while (!piece.empty()) {
    const bytes part = piece.first(std::min(piece.size(), step_bytes));
    piece = piece.subspan(part.size());
    const LZ4F_preferences_t how = lz4_preferences(0);
    const size_t room = LZ4F_compressBound(part.size(), &how);
    const size_t used = LZ4F_compressUpdate(lz4, lend(room), room, part.data(), part.size(), nullptr);
    const bool failed = LZ4F_isError(used) != 0;
    keep(room, failed ? 0 : used);
    if (failed) return refuse(errc::no_memory);
  }
  return {};
}

base::result<void> compressor::state::finish_lz4() {
  const size_t room = LZ4F_compressBound(0, nullptr);
  const size_t used = LZ4F_compressEnd(lz4, lend(room), room, nullptr);
  const bool failed = LZ4F_isError(used) != 0;
  keep(room, failed ? 0 : used);
  return failed ? base::result<void>(refuse(errc::no_memory)) : base::result<void>();
}

base::result<void> compressor::state::write_zstd(bytes piece, ZSTD_EndDirective end) {
  ZSTD_inBuffer source{piece.data(), piece.size(), 0};
  while (true) {
    ZSTD_outBuffer out{lend(step_bytes), step_bytes, 0};
    const size_t code = ZSTD_compressStream2(zstd, &out, &source, end);
    keep(step_bytes, out.pos);
    if (ZSTD_isError(code)) return refuse(errc::no_memory);
    // To continue is done when the input is taken, to flush and to end when nothing is left inside.
    if (end == ZSTD_e_continue ? source.pos == source.size : code == 0) return {};
  }
}

}  // namespace millrace::record
