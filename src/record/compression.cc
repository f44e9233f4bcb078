#include "record/compression.hh"

#include <zlib.h>
#include <zstd.h>

namespace millrace::record {

std::string_view name_of(codec which) noexcept {
  switch (which) {
    case codec::none:
      return "none";
    case codec::gzip:
      return "gzip";
    case codec::snappy:
      return "snappy";
    case codec::lz4:
      return "lz4";
    case codec::zstd:
      return "zstd";
  }
  return "unknown";
}

base::result<codec> codec_named(std::string_view name) {
  for (uint8_t number = 0; number <= codec_last; ++number) {
    const auto which = static_cast<codec>(number);
    if (name_of(which) == name) return which;
  }
  return base::fail(base::errc::unsupported_compression);
}

level_range levels_of(codec which) noexcept {
  switch (which) {
    case codec::gzip:
      return {1, 9, 6};
    // The high-compression variants begin at 3 (lz4hc.h); 0 is the fast one.
    case codec::lz4:
      return {0, 12, 0};
    case codec::zstd:
      return {ZSTD_minCLevel(), ZSTD_maxCLevel(), ZSTD_CLEVEL_DEFAULT};
    case codec::none:
    case codec::snappy:
      break;
  }
  return {0, 0, 0};
}

base::result<void> compress(codec which, bytes input, std::vector<uint8_t>& target, std::optional<int> level) {
  const size_t before = target.size();
  const auto done = [&]() -> base::result<void> {
    compressor pack;
    TRY_CHECK(pack.begin(which, level, target));
    TRY_CHECK(pack.write(input));
    return pack.finish();
  }();
  if (!done) target.resize(before);
  return done;
}

base::result<void> decompress(codec which, bytes input, uint64_t bytes_max, std::vector<uint8_t>& target) {
  const size_t before = target.size();
  const auto done = [&]() -> base::result<void> {
    decompressor unpack;
    TRY_CHECK(unpack.begin(which, input, bytes_max));
    while (!unpack.done()) {
      TRY(const bytes piece, unpack.next());
      target.insert(target.end(), piece.begin(), piece.end());
    }
    return {};
  }();
  if (!done) target.resize(before);
  return done;
}

}  // namespace millrace::record
