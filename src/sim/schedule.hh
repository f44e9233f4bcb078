#pragma once

#include <cstdint>
#include <string_view>

#include "base/hash.hh"
#include "base/prng.hh"
#include "base/time.hh"
#include "sim/faults.hh"

/// What the seed decides, and the number that says what was decided. Streams are split from the
/// root by name, so a draw more in one of them shifts no other.

namespace millrace::sim {

/// Draws how long something takes.
inline base::duration draw(base::prng& random, const latency& l) {
  if (l.slow_chance > 0 && random.chance(l.slow_chance)) {
    return base::nanoseconds(random.between(l.least.ns, l.slow_most.ns > l.least.ns ? l.slow_most.ns : l.least.ns));
  }
  return base::nanoseconds(random.between(l.least.ns, l.most.ns > l.least.ns ? l.most.ns : l.least.ns));
}

class schedule {
 public:
  explicit schedule(uint64_t seed) : root_(seed), choices_(root_.split("schedule")) {}

  /// One of `count`; draws nothing where there is no choice.
  size_t choose(size_t count) {
    if (count <= 1) return 0;
    const size_t chosen = choices_.below(count);
    note(count, chosen);
    return chosen;
  }
  base::prng stream(std::string_view name) const { return root_.split(name); }
  base::prng stream(std::string_view name, uint64_t number) const { return root_.split(name).split(number); }
  base::prng& choices() noexcept { return choices_; }
  uint64_t seed() const noexcept { return root_.seed(); }

  /// Takes one decision or one outcome into the hash.
  void note(uint64_t a, uint64_t b) noexcept { hash_ = base::hash_combine(hash_, a * 0x9e3779b97f4a7c15ull ^ b); }
  /// Two runs with the same hash did the same things in the same order.
  uint64_t hash() const noexcept { return hash_; }

 private:
  base::prng root_;
  base::prng choices_;
  uint64_t hash_ = 0;
};

}  // namespace millrace::sim
