#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

/// Views of memory that somebody else owns, and the two byte orders.

namespace millrace::base {

using bytes = std::span<const uint8_t>;
using mutable_bytes = std::span<uint8_t>;

inline bytes as_bytes(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }
inline std::string_view as_text(bytes b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

constexpr uint8_t byte_swap(uint8_t v) { return v; }
constexpr uint16_t byte_swap(uint16_t v) { return __builtin_bswap16(v); }
constexpr uint32_t byte_swap(uint32_t v) { return __builtin_bswap32(v); }
constexpr uint64_t byte_swap(uint64_t v) { return __builtin_bswap64(v); }

/// Reads or writes sizeof(Int) bytes at `at`, unaligned. Big endian is Kafka's order, little endian our own
/// files' order.
template <std::integral Int>
Int load_big(const uint8_t* at) {
  std::make_unsigned_t<Int> raw;
  std::memcpy(&raw, at, sizeof raw);
  return static_cast<Int>(byte_swap(raw));
}
template <std::integral Int>
void store_big(uint8_t* at, Int value) {
  const auto raw = byte_swap(static_cast<std::make_unsigned_t<Int>>(value));
  std::memcpy(at, &raw, sizeof raw);
}
template <std::integral Int>
Int load_little(const uint8_t* at) {
  Int value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
template <std::integral Int>
void store_little(uint8_t* at, Int value) {
  std::memcpy(at, &value, sizeof value);
}
static_assert(std::endian::native == std::endian::little);

}  // namespace millrace::base
