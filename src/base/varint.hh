#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

/// Variable-length integers as Kafka writes them: LEB128 (7 bits a byte, low ones first, the top
/// bit says "more"), signed ones mapped by zigzag. Written for hot loops: pointers in, pointers
/// out.
///
/// A decoder reads from [at, limit) and returns where it stopped, or nullptr where the bytes end
/// first, where more than 5 (10) bytes are used, or where the number does not fit. Longer spellings
/// of a small number within 5 (10) bytes are accepted, as every client accepts them. An encoder
/// writes at most varint32_bytes_max (varint64_bytes_max) bytes and returns the end.

namespace millrace::base {

inline constexpr size_t varint32_bytes_max = 5;
inline constexpr size_t varint64_bytes_max = 10;

constexpr uint32_t zigzag(int32_t v) { return (static_cast<uint32_t>(v) << 1) ^ static_cast<uint32_t>(v >> 31); }
constexpr uint64_t zigzag(int64_t v) { return (static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63); }
constexpr int32_t unzigzag(uint32_t v) { return static_cast<int32_t>((v >> 1) ^ (0u - (v & 1))); }
constexpr int64_t unzigzag(uint64_t v) { return static_cast<int64_t>((v >> 1) ^ (0ull - (v & 1))); }

[[nodiscard]] inline const uint8_t* decode_varint32(const uint8_t* at, const uint8_t* limit, uint32_t& value) {
  if (at < limit && *at < 0x80) [[likely]] {
    value = *at;
    return at + 1;
  }
  uint32_t sum = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    if (at >= limit) return nullptr;
    const uint32_t byte = *at++;
    if (shift == 28 && byte > 0x0f) return nullptr;
    sum |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      value = sum;
      return at;
    }
  }
  return nullptr;
}

[[nodiscard]] inline const uint8_t* decode_varint64(const uint8_t* at, const uint8_t* limit, uint64_t& value) {
  if (at < limit && *at < 0x80) [[likely]] {
    value = *at;
    return at + 1;
  }
  uint64_t sum = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (at >= limit) return nullptr;
    const uint64_t byte = *at++;
    if (shift == 63 && byte > 0x01) return nullptr;
    sum |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      value = sum;
      return at;
    }
  }
  return nullptr;
}

[[nodiscard]] inline const uint8_t* decode_zigzag32(const uint8_t* at, const uint8_t* limit, int32_t& value) {
  uint32_t raw = 0;
  at = decode_varint32(at, limit, raw);
  value = unzigzag(raw);
  return at;
}
[[nodiscard]] inline const uint8_t* decode_zigzag64(const uint8_t* at, const uint8_t* limit, int64_t& value) {
  uint64_t raw = 0;
  at = decode_varint64(at, limit, raw);
  value = unzigzag(raw);
  return at;
}

/// Serves 32 bits too: a 32-bit value is written the same.
inline uint8_t* encode_varint(uint8_t* at, uint64_t value) {
  while (value >= 0x80) {
    *at++ = static_cast<uint8_t>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<uint8_t>(value);
  return at;
}
inline uint8_t* encode_zigzag32(uint8_t* at, int32_t value) { return encode_varint(at, zigzag(value)); }
inline uint8_t* encode_zigzag64(uint8_t* at, int64_t value) { return encode_varint(at, zigzag(value)); }

/// How many bytes the encoders write.
constexpr size_t varint_size(uint64_t value) { return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7; }
constexpr size_t zigzag32_size(int32_t value) { return varint_size(zigzag(value)); }
constexpr size_t zigzag64_size(int64_t value) { return varint_size(zigzag(value)); }

}  // namespace millrace::base
