#pragma once

#include <cmath>
#include <cstdint>

#include "base/time.hh"

/// When the n-th record of a core should leave: evenly, after a rate that rises from zero in the first `ramp`.

namespace millrace::generator {

class schedule {
 public:
  schedule() = default;
  /// `rate`: records/s of this core; `phase`: of a period, so that cores do not beat together.
  schedule(base::instant begin, double rate, base::duration ramp, double phase)
      : begin_(begin), period_ns_(1e9 / rate), ramp_ns_(static_cast<double>(ramp.ns)), phase_(phase) {
    in_ramp_ = ramp_ns_ / period_ns_ / 2;  // the area of the triangle
  }

  base::instant time_of(uint64_t n) const {
    const double index = static_cast<double>(n) + phase_;
    double ns = 0;
    if (index < in_ramp_) {
      ns = std::sqrt(2 * index * period_ns_ * ramp_ns_);
    } else {
      ns = ramp_ns_ / 2 + index * period_ns_;
    }
    return begin_ + base::nanoseconds(static_cast<int64_t>(ns));
  }

 private:
  base::instant begin_{};
  double period_ns_ = 1;
  double ramp_ns_ = 0;
  double phase_ = 0;
  double in_ramp_ = 0;
};

}  // namespace millrace::generator
