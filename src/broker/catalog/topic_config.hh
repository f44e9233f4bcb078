#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hh"
#include "base/time.hh"
#include "broker/catalog/broker_settings.hh"
#include "broker/catalog/config_keys.hh"
#include "record/batch_header.hh"
#include "storage/types.hh"

/// A topic's settings: what was set for it, as text; the values that the broker acts on; and the
/// rules by which the one changes and becomes the other. Pure functions.

namespace millrace::broker {

/// Settings given to the topic itself, as text: what is stored and what DescribeConfigs shows with
/// source 1.
using config_overrides = std::map<std::string, std::string, std::less<>>;

/// `compression.type`: what batches are stored as.
enum class compression_type : uint8_t { producer, uncompressed, gzip, snappy, lz4, zstd };

/// The values in force, parsed.
struct topic_config {
  config_overrides overrides;

  uint32_t max_message_bytes = 1048588;
  record::timestamp_type timestamp_type = record::timestamp_type::create_time;
  int64_t timestamp_before_max_ms = INT64_MAX;
  int64_t timestamp_after_max_ms = 3600000;
  compression_type compression = compression_type::producer;
  std::optional<int> compression_level{};  ///< of that codec, as its library counts; none: its default
  bool deletes = true;                     ///< cleanup.policy names delete: old segments go, and records may be deleted
  bool compacted = false;                  ///< cleanup.policy names compact: keys are required
  uint64_t decompressed_bytes_max = 2147483639;
  storage::log_config log;
};

/// The values in force. A stored value that this version cannot read counts as not set.
topic_config make_topic_config(config_overrides overrides, const broker_settings& broker);

/// What a key has where nothing is set for the topic: the broker's setting, else Kafka's default.
std::string_view default_value(const config_key& key, const broker_settings& broker);

/// Why a topic may not have this; empty where it may. Unknown keys, malformed values, and values
/// other than the default of keys that do not work.
std::string setting_problem(std::string_view key, std::string_view value, const broker_settings& broker);

/// What two settings together cannot be; empty where they can.
std::string settings_conflict(const config_overrides& overrides, const broker_settings& broker);

/// As IncrementalAlterConfigs numbers them.
enum class config_op : int8_t { set = 0, remove = 1, append = 2, subtract = 3 };

struct config_change {
  std::string key;
  config_op op = config_op::set;
  std::optional<std::string> value;  ///< unused by remove
};

/// What was wrong with a change; `why` is for people.
struct config_refusal {
  base::errc code;
  std::string why;
};

/// Carries changes out on `overrides`, all or none. Errors: invalid_argument (a key twice, a null
/// value), invalid_config (setting_problem, settings_conflict; append or subtract to what is no list).
std::optional<config_refusal> apply_changes(config_overrides& overrides, std::span<const config_change> changes,
                                            const broker_settings& broker);

}  // namespace millrace::broker
