#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/time.hh"

/// Numbers a core keeps about itself. Plain memory of one core: whoever else wants them asks that
/// core by mail.

namespace millrace::base {

/// Counts up.
class counter {
 public:
  void add(uint64_t n = 1) { value_ += n; }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0;
};

/// How often each size of value came, with an error of at most 1/64 of the value. Values under 64
/// are exact; above, each doubling has 64 buckets (the log-linear idea of HdrHistogram). Values
/// past 2^42 - 1 (73 minutes in nanoseconds) are counted as that. Fixed memory, about 18 KiB;
/// recording is a few instructions.
class histogram {
 public:
  void record(uint64_t value) {
    if (value > value_max) value = value_max;
    ++buckets_[bucket_of(value)];
    ++count_;
    sum_ += value;
    if (value < least_) least_ = value;
    if (value > most_) most_ = value;
  }
  /// In nanoseconds; a negative one counts as 0.
  void record(duration length) { record(length.ns < 0 ? 0 : static_cast<uint64_t>(length.ns)); }

  uint64_t count() const { return count_; }
  uint64_t sum() const { return sum_; }
  uint64_t least() const { return count_ == 0 ? 0 : least_; }
  uint64_t most() const { return most_; }
  double mean() const { return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_); }

  /// The value that `percent` (0 to 100) of the recorded ones do not exceed, rounded up to its
  /// bucket's end but never past most(); 0 where nothing was recorded.
  uint64_t percentile(double percent) const {
    if (count_ == 0) return 0;
    const double exact = percent / 100.0 * static_cast<double>(count_);
    uint64_t rank = exact <= 1 ? 1 : static_cast<uint64_t>(exact);
    if (static_cast<double>(rank) < exact) ++rank;
    if (rank >= count_) return most_;
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen >= rank) return last_of(i) < most_ ? last_of(i) : most_;
    }
    return most_;
  }

  /// How many recorded values do not exceed `value`, to the precision of the buckets: those of its
  /// bucket count.
  uint64_t count_up_to(uint64_t value) const {
    const size_t last = bucket_of(value < value_max ? value : value_max);
    uint64_t seen = 0;
    for (size_t i = 0; i <= last; ++i) seen += buckets_[i];
    return seen;
  }

  void merge(const histogram& other) {
    for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    if (other.least_ < least_) least_ = other.least_;
    if (other.most_ > most_) most_ = other.most_;
  }
  void reset() { *this = histogram(); }

 private:
  static constexpr unsigned sub_bits = 6;
  static constexpr unsigned value_bits = 42;
  static constexpr uint64_t value_max = (uint64_t{1} << value_bits) - 1;

  static constexpr size_t bucket_of(uint64_t value) {
    if (value < (1u << sub_bits)) return value;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - sub_bits;
    return (static_cast<size_t>(shift) << sub_bits) + (value >> shift);
  }
  static constexpr uint64_t last_of(size_t bucket) {
    if (bucket < (2u << sub_bits)) return bucket;
    const unsigned shift = static_cast<unsigned>(bucket >> sub_bits) - 1;
    const uint64_t first = ((bucket & ((1u << sub_bits) - 1)) | (1u << sub_bits)) << shift;
    return first + (uint64_t{1} << shift) - 1;
  }

  std::array<uint64_t, (value_bits - sub_bits + 1) << sub_bits> buckets_{};
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  uint64_t least_ = UINT64_MAX;
  uint64_t most_ = 0;
};

}  // namespace millrace::base
