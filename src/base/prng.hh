#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/assert.hh"
#include "base/bytes.hh"
#include "base/hash.hh"

/// Seeded random numbers (xoshiro256++, seeded by splitmix64; Blackman and Vigna,
/// prng.di.unimi.it). One seed gives the same numbers with every compiler and library, which
/// <random>'s distributions do not. Not for secrets.

namespace millrace::base {

class prng {
 public:
  explicit constexpr prng(uint64_t seed) : seed_(seed) {
    for (uint64_t& word : state_) word = mix64(seed += 0x9e3779b97f4a7c15ull);
  }

  constexpr uint64_t next() {
    const uint64_t out = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return out;
  }

  /// Uniform in [0, limit); limit is at least 1. No bias (Lemire's multiplication with rejection).
  constexpr uint64_t below(uint64_t limit) {
    ASSERT(limit > 0);
    __extension__ using wide = unsigned __int128;
    wide product = static_cast<wide>(next()) * limit;
    if (static_cast<uint64_t>(product) < limit) {
      const uint64_t rejected = (0 - limit) % limit;
      while (static_cast<uint64_t>(product) < rejected) product = static_cast<wide>(next()) * limit;
    }
    return static_cast<uint64_t>(product >> 64);
  }

  /// Uniform in [least, most], both included.
  constexpr int64_t between(int64_t least, int64_t most) {
    ASSERT(least <= most);
    const uint64_t span = static_cast<uint64_t>(most) - static_cast<uint64_t>(least);
    const uint64_t step = span == UINT64_MAX ? next() : below(span + 1);
    return static_cast<int64_t>(static_cast<uint64_t>(least) + step);
  }

  /// Uniform in [0, 1), 53 bits.
  constexpr double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  /// True with probability p: never for 0, always for 1.
  constexpr bool chance(double p) { return unit() < p; }

  void fill(mutable_bytes target) {
    for (size_t i = 0; i < target.size(); i += 8) {
      const uint64_t word = next();
      std::memcpy(target.data() + i, &word, target.size() - i < 8 ? target.size() - i : 8);
    }
  }

  template <class Range>
  constexpr void shuffle(Range& items) {
    for (size_t n = std::size(items); n > 1; --n) std::swap(items[n - 1], items[below(n)]);
  }

  /// The stream of that name, independent of this one and of other names. It depends on the seed
  /// alone, not on what was drawn: a draw added to one stream shifts no other.
  constexpr prng split(std::string_view name) const { return prng(hash_combine(mix64(seed_), fnv1a(name))); }
  /// The same by number: one stream for each core, partition or client.
  constexpr prng split(uint64_t number) const { return prng(hash_combine(~mix64(seed_), mix64(number))); }

  constexpr uint64_t seed() const { return seed_; }

 private:
  uint64_t seed_;
  uint64_t state_[4]{};
};

}  // namespace millrace::base
