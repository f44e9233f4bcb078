#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hh"

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of Kafka's record batches. Pure
/// functions, any core. The kernel is chosen once at start from what the processor offers; all
/// kernels give the same numbers.

namespace millrace::base {

/// The CRC of some bytes whose beginning has the CRC `crc` and whose rest is `data`; `crc` is 0 for
/// no beginning: crc32c(crc32c(0, a), b) == crc32c(0, ab).
uint32_t crc32c(uint32_t crc, bytes data) noexcept;

/// Copies `size` bytes and returns crc32c(crc, source) from the same pass. The two must not
/// overlap.
uint32_t crc32c_copy(uint32_t crc, uint8_t* target, const uint8_t* source, size_t size) noexcept;

/// The CRC of ab from the CRCs of a and b and the length of b, in logarithmic time.
uint32_t crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b) noexcept;

/// The CRC of a message after `size` of its bytes changed from `before` to `after`, with
/// `bytes_behind` bytes following them. It never reads the rest: a message that did not match its
/// CRC before does not match it after.
uint32_t crc32c_replace(uint32_t crc, const uint8_t* before, const uint8_t* after, size_t size,
                        uint64_t bytes_behind) noexcept;

/// How the sum is computed: a table a byte at a time, SSE4.2's instruction, or AVX-512 with
/// VPCLMULQDQ.
enum class crc32c_kernel : uint8_t { portable, sse42, vpclmul };

/// The fastest kernel of this processor: the one in use.
crc32c_kernel crc32c_kernel_in_use() noexcept;

/// crc32c_copy by a named kernel, for tests and benchmarks; a null `target` copies nothing.
/// Asserts that the processor has it.
uint32_t crc32c_by(crc32c_kernel kernel, uint32_t crc, uint8_t* target, const uint8_t* source, size_t size) noexcept;

}  // namespace millrace::base
