#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hh"
#include "base/time.hh"
#include "record/batch_header.hh"
#include "storage/types.hh"

/// A topic's settings: Kafka's keys (reference: TopicConfig, 4.4), their defaults from the broker's own settings, and
/// the values that the broker acts on.

namespace millrace::broker {

/// Settings given to the topic itself, as text: what is stored and what DescribeConfigs shows with source 1.
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
  bool compacted = false;  ///< cleanup.policy names compact: keys are required
  uint64_t decompressed_bytes_max = 2147483639;
  storage::log_config log;
};

}  // namespace millrace::broker
