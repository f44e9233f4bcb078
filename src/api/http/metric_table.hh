#pragma once

#include <span>

#include "api/http/core_sample.hh"
#include "api/http/exposition.hh"

/// The metrics that are one number of each core. Rows of one name stand together; the first says what the family is.

namespace millrace::api::http {

struct metric_row {
  std::string_view name;
  metric_kind kind = metric_kind::counter;
  std::string_view help = {};  ///< of the family: in its first row
  uint64_t (*of)(const core_sample&) = nullptr;
  std::string_view label_name = {};  ///< beside the core's
  std::string_view label_value = {};
  metric_unit unit = metric_unit::plain;
};

std::span<const metric_row> metric_rows();

}  // namespace millrace::api::http
