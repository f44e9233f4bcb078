#include "mutator.hh"

#include <algorithm>

namespace millrace::fuzz {

namespace {

constexpr int64_t numbers_that_matter[] = {0,  1,    -1,   2,     127,   -128,      255,       256,
                                           -2, 4095, 4096, 32767, 65535, INT32_MAX, INT32_MIN, INT64_MAX};

void put_number(std::vector<uint8_t>& input, base::prng& random) {
  const auto value = static_cast<uint64_t>(numbers_that_matter[random.below(std::size(numbers_that_matter))]);
  const size_t width = size_t{1} << random.below(4);
  if (input.size() < width) return;
  const size_t at = random.below(input.size() - width + 1);
  const bool big = random.chance(0.7);
  for (size_t i = 0; i < width; ++i) {
    input[at + i] = static_cast<uint8_t>(value >> (8 * (big ? width - 1 - i : i)));
  }
}

void insert(std::vector<uint8_t>& input, base::bytes piece, base::prng& random) {
  const size_t room = input_bytes_max - std::min(input.size(), input_bytes_max);
  piece = piece.first(std::min(piece.size(), room));
  const size_t at = random.below(input.size() + 1);
  input.insert(input.begin() + static_cast<ptrdiff_t>(at), piece.begin(), piece.end());
}

base::bytes some_of(base::bytes from, base::prng& random) {
  if (from.empty()) return from;
  const size_t begin = random.below(from.size());
  return from.subspan(begin, 1 + random.below(std::min<size_t>(from.size() - begin, 512)));
}

void cut_out(std::vector<uint8_t>& input, base::prng& random) {
  if (input.empty()) return;
  const size_t begin = random.below(input.size());
  const size_t bytes = 1 + random.below(std::min<size_t>(input.size() - begin, 64));
  const auto from = input.begin() + static_cast<ptrdiff_t>(begin);
  input.erase(from, from + static_cast<ptrdiff_t>(bytes));
}

void change_once(std::vector<uint8_t>& input, base::bytes other, base::prng& random) {
  switch (random.below(8)) {
    case 0:
    case 1:
      if (!input.empty()) input[random.below(input.size())] ^= static_cast<uint8_t>(1u << random.below(8));
      return;
    case 2:
      if (!input.empty()) input[random.below(input.size())] = static_cast<uint8_t>(random.next());
      return;
    case 3:
      return put_number(input, random);
    case 4:
      return cut_out(input, random);
    case 5: {
      const base::bytes piece = some_of(input, random);
      const std::vector<uint8_t> copy(piece.begin(), piece.end());
      return insert(input, copy, random);
    }
    case 6:
      return insert(input, some_of(other, random), random);
    default:
      if (random.chance(0.2)) input.resize(random.below(input.size() + 1));
      return;
  }
}

}  // namespace

void mutate(std::vector<uint8_t>& input, base::bytes other, base::prng& random) {
  for (uint64_t left = 1 + random.below(8); left > 0; --left) change_once(input, other, random);
}

}  // namespace millrace::fuzz
