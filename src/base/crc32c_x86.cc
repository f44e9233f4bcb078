#include "base/crc32c_x86.hh"

#include <immintrin.h>

#include <cstring>

#define MILLRACE_SSE42 __attribute__((target("sse4.2")))
#define MILLRACE_WIDE __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,vpclmulqdq,sse4.2,pclmul")))

namespace millrace::base::detail {
namespace {

/// `state` is the inverted CRC, as the instruction keeps it.
MILLRACE_SSE42 uint32_t sum_words(uint64_t state, const uint8_t* at, size_t size) {
  for (; size >= 8; at += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    state = _mm_crc32_u64(state, word);
  }
  for (; size > 0; ++at, --size) state = _mm_crc32_u8(static_cast<uint32_t>(state), *at);
  return static_cast<uint32_t>(state);
}

/// Constants that move a 128-bit lane forward over `Bits` bits: the lane's low half is multiplied
/// by x^(Bits + 64), its high half by x^Bits, each less 33 because a carry-less product of
/// reflected numbers comes out one place too low and 32 places early.
template <uint64_t Bits>
MILLRACE_WIDE inline __m512i shift_by() {
  constexpr uint32_t low = crc32c_power(Bits + 31);
  constexpr uint32_t high = crc32c_power(Bits - 33);
  return _mm512_set4_epi32(0, static_cast<int>(high), 0, static_cast<int>(low));
}

/// Four lanes moved forward onto the four lanes of `next`.
MILLRACE_WIDE inline __m512i fold(__m512i lanes, __m512i shift, __m512i next) {
  constexpr int xor_of_three = 0x96;
  return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(lanes, shift, 0x00),
                                   _mm512_clmulepi64_epi128(lanes, shift, 0x11), next, xor_of_three);
}

template <bool Copy>
MILLRACE_WIDE inline __m512i take(uint8_t* target, const uint8_t* source) {
  const __m512i lanes = _mm512_loadu_si512(source);
  if constexpr (Copy) _mm512_storeu_si512(target, lanes);
  return lanes;
}

/// Sixteen lanes run beside each other over 256 bytes a turn, are folded into four, and these are
/// summed by the plain instruction.
template <bool Copy>
MILLRACE_WIDE uint32_t sum_wide(uint32_t crc, uint8_t* target, const uint8_t* source, size_t size) {
  __m512i a = take<Copy>(target, source);
  __m512i b = take<Copy>(target + 64, source + 64);
  __m512i c = take<Copy>(target + 128, source + 128);
  __m512i d = take<Copy>(target + 192, source + 192);
  a = _mm512_xor_si512(a, _mm512_zextsi128_si512(_mm_cvtsi32_si128(static_cast<int>(~crc))));
  size_t at = 256;
  const __m512i turn = shift_by<2048>();
  for (; size - at >= 256; at += 256) {
    a = fold(a, turn, take<Copy>(target + at, source + at));
    b = fold(b, turn, take<Copy>(target + at + 64, source + at + 64));
    c = fold(c, turn, take<Copy>(target + at + 128, source + at + 128));
    d = fold(d, turn, take<Copy>(target + at + 192, source + at + 192));
  }
  const __m512i vector = shift_by<512>();
  d = fold(fold(fold(a, vector, b), vector, c), vector, d);
  for (; size - at >= 64; at += 64) d = fold(d, vector, take<Copy>(target + at, source + at));

  alignas(64) uint8_t lanes[64];
  _mm512_store_si512(lanes, d);
  if constexpr (Copy) std::memcpy(target + at, source + at, size - at);
  return ~sum_words(sum_words(0, lanes, sizeof lanes), source + at, size - at);
}

}  // namespace

uint32_t crc32c_sse42(uint32_t crc, uint8_t* target, const uint8_t* source, size_t size) noexcept {
  if (target != nullptr && size > 0) std::memcpy(target, source, size);
  return ~sum_words(static_cast<uint32_t>(~crc), source, size);
}

uint32_t crc32c_vpclmul(uint32_t crc, uint8_t* target, const uint8_t* source, size_t size) noexcept {
  if (size < crc32c_wide_bytes_min) return crc32c_sse42(crc, target, source, size);
  // Without a target the sums of the addresses are never used: let them be those of the source.
  if (target == nullptr) return sum_wide<false>(crc, const_cast<uint8_t*>(source), source, size);
  return sum_wide<true>(crc, target, source, size);
}

}  // namespace millrace::base::detail
