#include "api/http/metric_table.hh"

#include <algorithm>

#include "api/http/metric_rows_broker.hh"
#include "api/http/metric_rows_core.hh"

namespace millrace::api::http {

namespace {

constexpr auto rows = [] {
  std::array<metric_row, broker_rows.size() + core_rows.size()> all{};
  std::ranges::copy(core_rows, std::ranges::copy(broker_rows, all.begin()).out);
  return all;
}();

}  // namespace

std::span<const metric_row> metric_rows() { return rows; }

}  // namespace millrace::api::http
