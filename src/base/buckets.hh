#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/time.hh"

/// A histogram for others to scrape: how many values did not exceed each of a few fixed bounds. Where `histogram`
/// (counters.hh) takes 18 KiB to be exact, this takes some 140 bytes, so that each of many things can have one.

namespace millrace::base {

/// `Bounds`: a constant std::array<uint64_t, N>, ascending; values above the last are counted too.
template <const auto& Bounds>
class bucketed {
 public:
  static constexpr std::span<const uint64_t> bounds() noexcept { return Bounds; }

  void record(uint64_t value) noexcept {
    // Without a branch that the processor would have to guess: compilers make vectors of it.
    size_t bucket = 0;
    for (const uint64_t bound : Bounds) bucket += value > bound ? 1 : 0;
    ++counts_[bucket];
    sum_ += value;
  }
  /// In nanoseconds; a negative one counts as 0.
  void record(duration length) noexcept { record(length.ns < 0 ? 0 : static_cast<uint64_t>(length.ns)); }

  /// Of each bucket alone, in order of the bounds; the last is of what exceeds them all.
  std::span<const uint64_t> counts() const noexcept { return counts_; }
  uint64_t count() const noexcept {
    uint64_t all = 0;
    for (const uint64_t one : counts_) all += one;
    return all;
  }
  uint64_t sum() const noexcept { return sum_; }

 private:
  std::array<uint64_t, Bounds.size() + 1> counts_{};
  uint64_t sum_ = 0;
};

/// Nanoseconds: 50 us to 10 s.
inline constexpr std::array<uint64_t, 16> latency_bounds = {
    50'000,     100'000,    250'000,     500'000,     1'000'000,   2'500'000,     5'000'000,     10'000'000,
    25'000'000, 50'000'000, 100'000'000, 250'000'000, 500'000'000, 1'000'000'000, 5'000'000'000, 10'000'000'000};
/// Bytes: 4 KiB to 16 MiB.
inline constexpr std::array<uint64_t, 7> size_bounds = {4096, 16384, 65536, 262144, 1048576, 4194304, 16777216};
/// Things.
inline constexpr std::array<uint64_t, 8> count_bounds = {1, 4, 16, 64, 256, 1024, 4096, 16384};

using latency_buckets = bucketed<latency_bounds>;
using size_buckets = bucketed<size_bounds>;
using count_buckets = bucketed<count_bounds>;

}  // namespace millrace::base
