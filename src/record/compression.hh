#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.hh"
#include "record/batch_header.hh"
#include "record/compressor.hh"
#include "record/decompressor.hh"

/// Codecs by name and in one go. Code on a core's path uses the two classes piece by piece instead.

namespace millrace::record {

/// "none", "gzip", "snappy", "lz4", "zstd", as in compression.type.
std::string_view name_of(codec which) noexcept;
/// Errors: unsupported_compression. ("producer" and "uncompressed" are words of the topic's
/// configuration.)
base::result<codec> codec_named(std::string_view name);

/// The levels that a codec takes, and the one it has by default; all 0 where it takes none.
struct level_range {
  int least;
  int most;
  int usual;
};
level_range levels_of(codec which) noexcept;

/// Appends to `target`. Errors: those of the classes; `target` is then as before.
base::result<void> compress(codec which, bytes input, std::vector<uint8_t>& target, std::optional<int> level = std::nullopt);
base::result<void> decompress(codec which, bytes input, uint64_t bytes_max, std::vector<uint8_t>& target);

}  // namespace millrace::record
