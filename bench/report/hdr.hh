#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.hh"

/// Reads a histogram from the text that HdrHistogram's libraries exchange: base64 of the V2 compressed encoding, as
/// https://github.com/HdrHistogram/HdrHistogram describes it. The text comes from a file, so it may hold anything.

namespace millrace::bench {

/// Values that one cell does not tell apart, and how many were recorded.
struct hdr_cell {
  uint64_t value;  ///< the highest that belongs to the cell
  uint64_t count;  ///< at least 1

  friend bool operator==(const hdr_cell&, const hdr_cell&) = default;
};

/// What a histogram can tell apart.
struct hdr_range {
  uint32_t digits = 0;   ///< significant decimal digits
  uint64_t lowest = 0;   ///< discernible value
  uint64_t highest = 0;  ///< trackable value
};

/// The cells in which something was recorded, by rising value; `range` is filled where it is asked for. Errors: malformed
/// for a text that is none, truncated, corrupt where its own checksum says so, unsupported for encodings of another version
/// and for shifted histograms, too_large for more cells or counts than any histogram of the format can have.
base::result<std::vector<hdr_cell>> decode_hdr(std::string_view text, hdr_range* range = nullptr);

/// The sum of all counts.
uint64_t count_of(const std::vector<hdr_cell>& cells);

}  // namespace millrace::bench
