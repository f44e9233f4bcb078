#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/prng.hh"
#include "base/result.hh"

/// How large values are, and which keys they have.

namespace millrace::generator {

/// "100", "uniform:100-2000" or "lognormal:MEDIAN,SIGMA" (cut to [40, 1 MiB]).
class size_distribution {
 public:
  /// Errors: malformed; out_of_range for sizes below a payload's header or above 1 MiB.
  static base::result<size_distribution> parse(std::string_view text);

  size_t next(base::prng& random) const;
  size_t most() const { return most_; }
  /// About; exact where it is fixed.
  size_t usual() const { return kind_ == kind::uniform ? (least_ + most_) / 2 : static_cast<size_t>(median_); }
  bool fixed() const { return kind_ == kind::fixed; }

 private:
  enum class kind : uint8_t { fixed, uniform, lognormal };
  kind kind_ = kind::fixed;
  size_t least_ = 0;
  size_t most_ = 0;
  double median_ = 0;
  double sigma_ = 0;
};

/// "none", "uniform:N" or "zipf:N,S": numbers 0 to N-1, the lower ones more often (exponent S > 0).
class key_distribution {
 public:
  static base::result<key_distribution> parse(std::string_view text);

  bool none() const { return count_ == 0; }
  uint64_t next(base::prng& random) const;

 private:
  double h(double x) const;
  double h_inverse(double x) const;

  uint64_t count_ = 0;
  double exponent_ = 0;  // 0: uniform
  double low_ = 0;       // h at the ends, and where the first value is taken at once
  double high_ = 0;
  double at_once_ = 0;
};

/// The partition that Kafka's clients choose for a key: murmur2, without its sign.
int32_t partition_of(std::string_view key, int32_t partitions);

}  // namespace millrace::generator
