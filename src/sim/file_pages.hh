#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "base/prng.hh"
#include "sim/counted.hh"

/// The bytes of a file in blocks and sectors: pages, shared between a file's views, and their
/// mixing by sectors. A set of sectors is eight bits, the first sector's lowest.

namespace millrace::sim {

inline constexpr uint64_t block_bytes = 4096;
inline constexpr uint64_t sector_bytes = 512;
inline constexpr unsigned sectors_per_block = 8;

/// The bytes of one block; not changed once a block or a piece holds it.
struct page : counted {
  std::array<uint8_t, block_bytes> bytes;
};

/// The sectors that [begin, end) of a block touches, as bits.
inline uint8_t sectors_of(uint64_t begin, uint64_t end) {
  const uint64_t first = begin / sector_bytes;
  const uint64_t limit = (end + sector_bytes - 1) / sector_bytes;
  return static_cast<uint8_t>(((1u << limit) - 1) & ~((1u << first) - 1));
}

/// All zeros.
inline ref<page> blank_page() {
  ref<page> made(new page);
  made->bytes.fill(0);
  return made;
}
/// Of its own, to be changed.
inline ref<page> copy_of(const ref<page>& old) {
  if (!old) return blank_page();
  ref<page> made(new page);
  made->bytes = old->bytes;
  return made;
}

/// `old` with the chosen sectors of `fresh`.
inline ref<page> mix(const ref<page>& old, const ref<page>& fresh, uint8_t sectors) {
  if (sectors == 0) return old;
  if (sectors == 0xff) return fresh;
  ref<page> made = copy_of(old);
  for (unsigned s = 0; s < sectors_per_block; ++s) {
    if ((sectors >> s & 1) == 0) continue;
    std::memcpy(made->bytes.data() + s * sector_bytes, fresh->bytes.data() + s * sector_bytes, sector_bytes);
  }
  return made;
}

/// Which of `sectors` survive.
inline uint8_t survivors(uint8_t sectors, base::prng& random, double keep) {
  uint8_t kept = 0;
  for (unsigned s = 0; s < sectors_per_block; ++s) {
    if ((sectors >> s & 1) != 0 && random.chance(keep)) kept |= static_cast<uint8_t>(1u << s);
  }
  return kept;
}

/// How many blocks the first `bytes` of a file take.
inline uint64_t block_limit(uint64_t bytes) { return (bytes + block_bytes - 1) / block_bytes; }

}  // namespace millrace::sim
