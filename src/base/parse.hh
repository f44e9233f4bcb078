#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.hh"
#include "base/time.hh"

/// Reads what people write into configurations and command lines. The whole text must be the thing:
/// no spaces, no rest. Errors: malformed for a text that is none, too_large for a number that does
/// not fit.

namespace millrace::base {

/// Decimal, with a minus sign where Int has one; no plus sign.
template <std::integral Int>
result<Int> parse_integer(std::string_view text) {
  Int value{};
  const char* end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data(), end, value);
  if (code == std::errc::result_out_of_range) return fail(errc::too_large);
  if (code != std::errc{} || rest != end) return fail(errc::malformed);
  return value;
}

/// Bytes: a whole number and, without a space, nothing or B, or K M G T (also KiB MiB GiB TiB) for
/// powers of 1024, or KB MB GB TB for powers of 1000. Upper or lower case.
result<uint64_t> parse_size(std::string_view text);

/// A whole number and one of ns us ms s m h d, or a bare "0".
result<duration> parse_duration(std::string_view text);

/// CPU numbers as taskset(1) takes them: "0-3,6", with a stride "0-6:2". Sorted, without repeats,
/// each below cpus_max, at least one.
result<std::vector<uint32_t>> parse_cpu_list(std::string_view text);

/// "true" or "false".
result<bool> parse_bool(std::string_view text);

}  // namespace millrace::base
