#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The settings that a topic may have: one row each for what reading, checking and describing them
/// needs. Names, types and defaults are Kafka's (TopicConfig and LogConfig, 4.4); `millrace.ack` is
/// ours.

namespace millrace::broker {

/// As DescribeConfigs numbers them (KIP-569).
enum class config_type : int8_t {
  boolean = 1,
  string = 2,
  int32 = 3,
  int16 = 4,
  int64 = 5,
  float64 = 6,
  list = 7,
};

struct config_key {
  std::string_view name;
  config_type type;
  std::string_view initial;     ///< Kafka's default
  std::string_view broker_key;  ///< the broker's setting that is a topic's default; empty: none
  bool works;                   ///< false: may be set to its default only, and is refused by name otherwise
  int64_t least = INT64_MIN;    ///< of numbers, inclusive
  int64_t most = INT64_MAX;
  std::span<const std::string_view> choices = {};  ///< of strings, or of each element of a list
  std::string_view about;
  /// Of keys that do not work and have no reason to: the reason, after "because". Empty: not yet.
  std::string_view why_not = {};
  /// What is asked of a valid value beside its type and bounds: what is wrong with it, empty where nothing is.
  std::string_view (*further)(std::string_view value) = nullptr;
};

/// All of them, by name.
std::span<const config_key> topic_config_keys();
/// Null where there is no such key.
const config_key* find_config_key(std::string_view name);

/// Of one value, however it came to be: what every version of Kafka's protocol can say.
inline constexpr size_t config_value_bytes_max = INT16_MAX;

/// Without the spaces around it, as Kafka reads values.
std::string_view trimmed(std::string_view value);
/// Why `value` is none of this key; empty where it is one.
std::string value_problem(const config_key& key, std::string_view value);
/// Whether two valid values mean the same: "TRUE" and "true", "007" and "7".
bool same_value(const config_key& key, std::string_view a, std::string_view b);
/// A number with or without a fraction; none for what is not one.
std::optional<double> parse_double(std::string_view value);
/// The elements of a list, without spaces around them; none for an empty text.
std::vector<std::string_view> list_elements(std::string_view value);

}  // namespace millrace::broker
