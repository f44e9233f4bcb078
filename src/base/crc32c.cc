#include "base/crc32c.hh"

#include <array>
#include <bit>
#include <cstring>

#include "base/assert.hh"
#include "base/crc32c_x86.hh"

namespace millrace::base {
namespace {

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t v = i;
    for (int bit = 0; bit < 8; ++bit) v = (v >> 1) ^ ((v & 1) != 0 ? detail::crc32c_polynomial : 0);
    table[i] = v;
  }
  return table;
}
constexpr std::array<uint32_t, 256> byte_table = make_table();

uint32_t sum_portable(uint32_t crc, uint8_t* target, const uint8_t* source, size_t size) noexcept {
  if (target != nullptr && size > 0) std::memcpy(target, source, size);
  uint32_t state = ~crc;
  for (size_t i = 0; i < size; ++i) state = (state >> 8) ^ byte_table[(state ^ source[i]) & 0xff];
  return ~state;
}

/// Product of two polynomials modulo ours.
constexpr uint32_t multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = 0x80000000u; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = (b >> 1) ^ ((b & 1) != 0 ? detail::crc32c_polynomial : 0);
  }
  return product;
}

/// [k] moves a sum forward over 2^k bytes: x^(8 * 2^k).
constexpr std::array<uint32_t, 64> make_strides() {
  std::array<uint32_t, 64> strides{};
  strides[0] = detail::crc32c_power(8);
  for (size_t k = 1; k < strides.size(); ++k) strides[k] = multiply(strides[k - 1], strides[k - 1]);
  return strides;
}
constexpr std::array<uint32_t, 64> strides = make_strides();

uint32_t move_over(uint32_t sum, uint64_t size) {
  for (; size != 0; size &= size - 1) {
    sum = multiply(strides[static_cast<size_t>(std::countr_zero(size))], sum);
  }
  return sum;
}

crc32c_kernel best_kernel() noexcept {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("sse4.2")) return crc32c_kernel::portable;
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("pclmul");
  return wide ? crc32c_kernel::vpclmul : crc32c_kernel::sse42;
}

/// Constant after start; `portable` (0) until this file's initialization has run, which is right
/// everywhere.
const crc32c_kernel kernel_in_use = best_kernel();

uint32_t sum_by(crc32c_kernel kernel, uint32_t crc, uint8_t* target, const uint8_t* source, size_t size) noexcept {
  switch (kernel) {
    case crc32c_kernel::vpclmul:
      return detail::crc32c_vpclmul(crc, target, source, size);
    case crc32c_kernel::sse42:
      return detail::crc32c_sse42(crc, target, source, size);
    case crc32c_kernel::portable:
      break;
  }
  return sum_portable(crc, target, source, size);
}

}  // namespace

uint32_t crc32c(uint32_t crc, bytes data) noexcept { return sum_by(kernel_in_use, crc, nullptr, data.data(), data.size()); }

uint32_t crc32c_copy(uint32_t crc, uint8_t* target, const uint8_t* source, size_t size) noexcept {
  return sum_by(kernel_in_use, crc, target, source, size);
}

uint32_t crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b) noexcept {
  return move_over(crc_a, length_b) ^ crc_b;
}

uint32_t crc32c_replace(uint32_t crc, const uint8_t* before, const uint8_t* after, size_t size,
                        uint64_t bytes_behind) noexcept {
  // The sum is linear: that of the message changes by that of the difference, whose other bytes are
  // 0. Without the inversions at both ends, which cancel out, zeros in front add nothing.
  uint32_t difference = 0;
  for (size_t i = 0; i < size; ++i) {
    const uint8_t changed = static_cast<uint8_t>(before[i] ^ after[i]);
    difference = (difference >> 8) ^ byte_table[(difference ^ changed) & 0xff];
  }
  return crc ^ move_over(difference, bytes_behind);
}

crc32c_kernel crc32c_kernel_in_use() noexcept { return kernel_in_use; }

uint32_t crc32c_by(crc32c_kernel kernel, uint32_t crc, uint8_t* target, const uint8_t* source, size_t size) noexcept {
  ASSERT(kernel <= best_kernel());
  return sum_by(kernel, crc, target, source, size);
}

}  // namespace millrace::base
