#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hh"
#include "base/prng.hh"

/// Changes of an input, as fuzzers make them: bits, numbers that matter, pieces cut out, doubled and taken from elsewhere.

namespace millrace::fuzz {

inline constexpr size_t input_bytes_max = 64 << 10;

/// One to eight changes of `input`; `other` lends pieces.
void mutate(std::vector<uint8_t>& input, base::bytes other, base::prng& random);

}  // namespace millrace::fuzz
