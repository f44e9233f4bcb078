#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.hh"

/// Hashes that are the same in every run and build: for our own files, for maps, for names of
/// random streams. None of them withstands somebody who chooses the keys: bound what a peer may put
/// into a map.

namespace millrace::base {

/// XXH3, 64 bits: the checksum of our own files.
uint64_t xxh3(bytes data, uint64_t seed = 0) noexcept;

/// XXH3, 128 bits: with a secret seed, a name for a key that stands for it in a map.
struct hash128 {
  uint64_t low = 0;
  uint64_t high = 0;
  friend bool operator==(const hash128&, const hash128&) = default;
};
hash128 xxh3_128(bytes data, uint64_t seed) noexcept;

/// XXH3 over pieces: the same number as over all of them at once. A value of 576 bytes, 64-byte
/// aligned.
class xxh3_stream {
 public:
  explicit xxh3_stream(uint64_t seed = 0) noexcept;
  void add(bytes piece) noexcept;
  uint64_t digest() const noexcept;

 private:
  alignas(64) uint8_t state_[576];
};

/// FNV-1a, 64 bits; for short texts, also at compile time.
constexpr uint64_t fnv1a(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325ull;
  for (const char c : text) {
    h ^= static_cast<uint8_t>(c);
    h *= 0x100000001b3ull;
  }
  return h;
}

/// Spreads a number over all 64 bits; one to one (the finalizer of splitmix64).
constexpr uint64_t mix64(uint64_t v) {
  v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9ull;
  v = (v ^ (v >> 27)) * 0x94d049bb133111ebull;
  return v ^ (v >> 31);
}
constexpr uint64_t hash_combine(uint64_t a, uint64_t b) { return mix64(a + 0x9e3779b97f4a7c15ull + b); }

/// Hash of texts for std::unordered_map<std::string, V, string_hash, std::equal_to<>>: found by
/// view, without making a string. The order of such a map is no order to show to anyone.
struct string_hash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const noexcept { return xxh3(as_bytes(text)); }
};

}  // namespace millrace::base
