#pragma once

#include <vector>

#include "report/hdr.hh"

/// The curve of a latency distribution over an axis of nines, thinned to what a picture can show. It is made here and not
/// in the page, so that a damaged histogram is an error when the report is written, and the page needs to unpack nothing.

namespace millrace::bench {

/// The value that a share of all samples does not exceed. `nines` is -log10 of the share above: 1 is 90 %, 2 is 99 %.
struct curve_point {
  double nines;
  uint64_t value;
};

/// Rising in both. A sample of rank r of n stands at the share (r - 0.5) / n, so the largest stands at log10(2 n). The first
/// point is the smallest value at 0; of values closer than 1/64 nine only the largest is kept. Empty for no cells.
std::vector<curve_point> curve_of(const std::vector<hdr_cell>& cells);

}  // namespace millrace::bench
