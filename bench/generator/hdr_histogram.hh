#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hh"

/// Counts of values with a fixed relative precision, in the layout of HdrHistogram, so that other people's tools read what
/// we measured: to_base64() is its V2 compressed encoding. Values from 1 ns to one hour; larger ones count as that.
///
/// Layout (HdrHistogram, lowest discernible value 1): with sub-buckets S = the power of two not below 2 * 10^digits, values
/// below S are exact; above, each doubling has S / 2 cells.

namespace millrace::generator {

class hdr_histogram {
 public:
  static constexpr int64_t highest = 3'600'000'000'000;  ///< one hour in ns

  /// `digits`: 1 to 5 significant decimal digits.
  explicit hdr_histogram(int digits = 3);

  void record(int64_t value, uint64_t count = 1) {
    value = value < 0 ? 0 : value > highest ? highest : value;
    counts_[index_of(value)] += count;
    total_ += count;
    if (value > most_) most_ = value;
    if (value < least_) least_ = value;
  }
  void add(const hdr_histogram& other);
  void reset();

  uint64_t count() const { return total_; }
  /// 0 where nothing was recorded. As the library has them: the ends of the cells that hold the least and the most.
  int64_t min() const { return total_ == 0 ? 0 : first_of(index_of(least_)); }
  int64_t max() const { return total_ == 0 ? 0 : last_of(index_of(most_)); }
  /// By the middles of cells.
  double mean() const;
  /// The end of the cell in which the value lies that `percent` of all do not exceed.
  int64_t percentile(double percent) const;

  std::string to_base64() const;
  /// Errors: those of bench::decode_hdr; unsupported and too_large also for another range than ours.
  static base::result<hdr_histogram> from_base64(std::string_view text);

 private:
  size_t index_of(int64_t value) const {
    const auto v = static_cast<uint64_t>(value);
    const int bucket = std::bit_width(v | (sub_count_ - 1)) - sub_bits_;
    const uint64_t sub = v >> bucket;
    return (static_cast<size_t>(bucket + 1) << (sub_bits_ - 1)) + sub - sub_count_ / 2;
  }
  int64_t first_of(size_t index) const;
  int64_t last_of(size_t index) const;
  std::vector<uint8_t> payload() const;

  int digits_;
  int sub_bits_;        // of sub_count_
  uint64_t sub_count_;  // S
  std::vector<uint64_t> counts_;
  uint64_t total_ = 0;
  int64_t least_ = INT64_MAX;
  int64_t most_ = 0;
};

}  // namespace millrace::generator
