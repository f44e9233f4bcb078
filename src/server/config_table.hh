#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "server/config.hh"

/// The one table of settings. A setting exists when it has a row here: reading, limits, environment
/// names, the sample file and DescribeConfigs all follow from the row. Names of settings that Kafka
/// has are Kafka's.

namespace millrace::server {

/// Where a row's value lives. Enumerations take the words of `choices` in the order of their
/// values.
using field = std::variant<bool config::*, int32_t config::*, int64_t config::*, std::string config::*,
                           std::vector<uint32_t> config::*, std::vector<endpoint> config::*,
                           std::optional<endpoint> config::*, std::vector<placement> config::*, ack_policy config::*,
                           send_mechanism config::*, cold_read_mechanism config::*, base::log_level config::*>;

/// What a number counts. bytes may be written with a size ("64MiB"), times with a unit ("7d").
enum class unit : uint8_t { none, bytes, milliseconds, microseconds };
enum class owner : uint8_t { kafka, millrace };
/// Whether the value can change without a restart.
enum class reload : uint8_t { restart, live };

struct row {
  std::string_view name;
  /// The default, as somebody would write it.
  std::string_view initial;
  field where;
  server::unit unit = server::unit::none;
  /// Bounds of a number, inclusive, in its unit.
  int64_t least = 0;
  int64_t most = std::numeric_limits<int64_t>::max();
  std::span<const std::string_view> choices = {};
  /// A word that stands for the field's zero or empty value ("auto").
  std::string_view word = {};
  server::owner owner = server::owner::kafka;
  server::reload reload = server::reload::restart;
  /// The topic's setting for which this row is the default, where there is one.
  std::string_view topic_key = {};
  /// Says why a value other than the default has no effect in this version; empty for rows that
  /// work.
  std::string_view not_yet = {};
  /// Heading in the sample file of this row and those after it, where one begins.
  std::string_view section = {};
  std::string_view about;
};

/// All rows, in the order of the sample file. No name is another's beginning up to a dot, so that
/// every row can stand in a TOML table.
std::span<const row> config_rows();

/// The index of a row in config_rows(), or nothing.
std::optional<size_t> find_row(std::string_view name);

}  // namespace millrace::server
