#include "broker/group/java_string.hh"

#include <cstddef>

#include "base/assert.hh"

namespace millrace::broker {

namespace {

constexpr uint32_t replacement = 0xfffd;

/// What a sequence's first byte promises.
struct promise {
  uint8_t more = 0;      ///< bytes that follow it; 0 in a byte that begins nothing
  uint8_t least = 0x80;  ///< of the second byte, so that nothing is longer than it need be, or past U+10FFFF
  uint8_t most = 0xbf;
};

constexpr promise promise_of(uint8_t first) {
  if (first < 0xc2 || first > 0xf4) return {};
  if (first < 0xe0) return {.more = 1};
  if (first < 0xf0) return {.more = 2, .least = static_cast<uint8_t>(first == 0xe0 ? 0xa0 : 0x80)};
  return {.more = 3,
          .least = static_cast<uint8_t>(first == 0xf0 ? 0x90 : 0x80),
          .most = static_cast<uint8_t>(first == 0xf4 ? 0x8f : 0xbf)};
}

/// Takes one character off the front. A sequence that stops too early is one replacement for all of its bytes that fitted; a
/// surrogate spelled in three bytes is one for all three.
uint32_t take_character(std::string_view& text) {
  const auto first = static_cast<uint8_t>(text.front());
  if (first < 0x80) return text.remove_prefix(1), first;
  const promise wanted = promise_of(first);
  uint32_t character = first & (0x3fu >> wanted.more);
  size_t taken = 1;
  for (; taken <= wanted.more && taken < text.size(); ++taken) {
    const auto next = static_cast<uint8_t>(text[taken]);
    const bool fits = taken == 1 ? next >= wanted.least && next <= wanted.most : (next & 0xc0) == 0x80;
    if (!fits) break;
    character = character << 6 | (next & 0x3fu);
  }
  text.remove_prefix(taken);
  const bool whole = wanted.more > 0 && taken == size_t{wanted.more} + 1;
  const bool surrogate = character >= 0xd800 && character < 0xe000;
  return whole && !surrogate ? character : replacement;
}

template <class F>
void each_unit(std::string_view text, F&& f) {
  while (!text.empty()) {
    const uint32_t character = take_character(text);
    if (character < 0x10000) {
      f(character);
    } else {
      f(0xd7c0 + (character >> 10));
      f(0xdc00 + (character & 0x3ff));
    }
  }
}

}  // namespace

int32_t java_length(std::string_view text) noexcept {
  int32_t units = 0;
  each_unit(text, [&](uint32_t) { ++units; });
  return units;
}

int32_t java_hash(std::string_view text) noexcept {
  uint32_t hash = 0;
  each_unit(text, [&](uint32_t unit) { hash = 31 * hash + unit; });
  return static_cast<int32_t>(hash);
}

int32_t coordinator_partition(std::string_view id, int32_t partitions) noexcept {
  ASSERT(partitions > 0);
  const int32_t hash = java_hash(id);
  if (hash == INT32_MIN) return 0;
  return (hash < 0 ? -hash : hash) % partitions;
}

}  // namespace millrace::broker
