#include "report/curve.hh"

#include <cmath>

namespace millrace::bench {

std::vector<curve_point> curve_of(const std::vector<hdr_cell>& cells) {
  constexpr double closest = 1.0 / 64;
  std::vector<curve_point> curve;
  if (cells.empty()) return curve;
  const auto total = static_cast<double>(count_of(cells));
  uint64_t above = count_of(cells);
  curve.push_back({0, cells.front().value});
  for (const hdr_cell& cell : cells) {
    above -= cell.count;
    const double nines = std::log10(total / (static_cast<double>(above) + 0.5));
    if (curve.size() > 1 && nines - curve[curve.size() - 2].nines < closest) curve.pop_back();
    curve.push_back({nines, cell.value});
  }
  return curve;
}

}  // namespace millrace::bench
