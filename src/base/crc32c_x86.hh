#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

/// The processor's own ways to CRC-32C, behind crc32c.hh. Call only where the processor has them.
/// Each goes on from `crc`, and copies what it sums to `target` unless that is null.

namespace millrace::base::detail {

/// The polynomial, lowest power first.
inline constexpr uint32_t crc32c_polynomial = 0x82f63b78u;

/// x^n modulo the polynomial, lowest power in the top bit.
constexpr uint32_t crc32c_power(uint64_t n) {
  uint32_t v = 0x80000000u;
  while (n-- > 0) v = (v >> 1) ^ ((v & 1) != 0 ? crc32c_polynomial : 0);
  return v;
}

uint32_t crc32c_sse42(uint32_t crc, uint8_t* target, const uint8_t* source, size_t size) noexcept;
uint32_t crc32c_vpclmul(uint32_t crc, uint8_t* target, const uint8_t* source, size_t size) noexcept;

/// Below this many bytes crc32q is as fast as VPCLMULQDQ.
inline constexpr size_t crc32c_wide_bytes_min = 256;

}  // namespace millrace::base::detail
