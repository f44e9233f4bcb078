#pragma once

#include <optional>
#include <string>
#include <string_view>

/// Names of settings as people write them, and what they may have meant.

namespace millrace::server {

/// "num.partitions" as an environment variable: MILLRACE_NUM_PARTITIONS. No two rows share one.
std::string environment_name(std::string_view key);

/// The row with this environment name, or nothing. Any other variable that begins with MILLRACE_ is
/// a mistake.
std::optional<size_t> find_environment_row(std::string_view variable);

/// For a name without a row: " (did you mean num.partitions?)", " (Millrace has log.retention.ms
/// instead)", or nothing where no name is near.
std::string suggestion(std::string_view unknown);

}  // namespace millrace::server
