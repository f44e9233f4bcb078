#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hh"
#include "base/tagged.hh"

/// What the operator decided, typed. One value per row of the table (config_table.hh), which holds
/// each default, limit and meaning; nothing here repeats them. Made once at start by load_config,
/// then only read.

namespace millrace::server {

/// One address of `listeners` or `advertised.listeners`: NAME://host:port. Host without brackets;
/// port 0 asks the kernel for a free one.
struct endpoint {
  std::string name;
  std::string host;
  uint16_t port = 0;

  friend bool operator==(const endpoint&, const endpoint&) = default;
};

/// One entry of `placement.override`: the partition lives on this core (counted from 0 in the order
/// of `cores`).
struct placement {
  std::string topic;
  int32_t partition = 0;
  base::core_id core;

  friend bool operator==(const placement&, const placement&) = default;
};

/// millrace.ack: when a produce is answered.
enum class ack_policy : uint8_t { durable, memory };
/// reactor.send: how large answers leave.
enum class send_mechanism : uint8_t { automatic, copy, zero_copy };
/// reactor.cold_read: how closed segments are read.
enum class cold_read_mechanism : uint8_t { automatic, direct, splice };

struct config {
  // This node, and who may reach it.
  int32_t node_id = 0;
  std::string broker_rack;
  std::vector<endpoint> listeners;
  std::vector<endpoint> advertised_listeners;  ///< empty: the listeners themselves
  bool core_listeners_enable = false;
  int32_t core_listeners_port = 0;  ///< of core 0
  std::string core_listeners_advertised_host;
  bool allow_unauthenticated = false;
  std::optional<endpoint> http;  ///< without a name; none: there is no HTTP
  int32_t metrics_partitions_max = 0;

  // What it may take of the machine.
  std::string log_dirs;
  std::vector<uint32_t> cores;  ///< CPU numbers, sorted; empty: every CPU the process may use
  int64_t memory = 0;           ///< bytes; 0: use_of() the machine

  // Connections and requests.
  int32_t max_connections = 0;
  int64_t connections_max_idle_ms = 0;
  int32_t socket_request_max_bytes = 0;
  int32_t fetch_max_bytes = 0;
  int32_t max_incremental_fetch_session_cache_slots = 0;
  int32_t group_initial_rebalance_delay_ms = 0;
  int32_t group_min_session_timeout_ms = 0;
  int32_t group_max_session_timeout_ms = 0;
  int32_t group_max_size = 0;
  int32_t offset_metadata_max_bytes = 0;
  int32_t offsets_retention_minutes = 0;
  int64_t offsets_retention_check_interval_ms = 0;
  int32_t offsets_topic_num_partitions = 0;
  int32_t offsets_topic_segment_bytes = 0;
  int32_t producer_id_expiration_ms = 0;
  bool validate_compressed_batches = false;

  // Topics: how they come and go, and what a topic has that does not say otherwise.
  bool auto_create_topics_enable = false;
  bool delete_topic_enable = false;
  int32_t num_partitions = 0;
  int32_t default_replication_factor = 0;
  int32_t min_insync_replicas = 0;
  int32_t message_max_bytes = 0;
  std::string compression_type;
  int32_t compression_gzip_level = 0;
  int32_t compression_lz4_level = 0;
  int32_t compression_zstd_level = 0;
  std::string log_cleanup_policy;
  std::string log_message_timestamp_type;
  int64_t log_message_timestamp_before_max_ms = 0;
  int64_t log_message_timestamp_after_max_ms = 0;
  int64_t log_retention_ms = 0;     ///< -1: for ever
  int64_t log_retention_bytes = 0;  ///< -1: without bound
  int64_t log_retention_check_interval_ms = 0;
  int32_t log_segment_bytes = 0;
  int64_t log_roll_ms = 0;
  int64_t log_roll_jitter_ms = 0;
  bool log_preallocate = false;
  int32_t log_index_interval_bytes = 0;
  int32_t log_index_size_max_bytes = 0;
  int64_t log_flush_interval_messages = 0;
  int64_t log_flush_interval_ms = 0;
  std::string log_cleaner_min_cleanable_ratio;  ///< a number from 0 to 1
  int64_t log_cleaner_min_compaction_lag_ms = 0;
  int64_t log_cleaner_max_compaction_lag_ms = 0;
  int64_t log_cleaner_delete_retention_ms = 0;
  int64_t log_cleaner_backoff_ms = 0;
  int64_t log_cleaner_dedupe_buffer_size = 0;       ///< bytes, of all cores
  int64_t log_cleaner_io_max_bytes_per_second = 0;  ///< of all cores

  // Millrace's own.
  ack_policy millrace_ack = ack_policy::durable;
  std::vector<placement> placement_override;
  int64_t commit_log_size = 0;  ///< bytes of each core's ring, a multiple of 4096
  int32_t commit_log_inline_bytes_max = 0;
  int32_t commit_log_groups_in_flight = 0;
  int64_t segment_pool_size = 0;  ///< bytes of each core's pool
  int32_t compaction_core_percent = 0;
  int32_t reactor_spin_max_us = 0;
  int32_t reactor_stall_threshold_ms = 0;
  send_mechanism reactor_send = send_mechanism::automatic;
  cold_read_mechanism reactor_cold_read = cold_read_mechanism::automatic;
  base::log_level logging_level = base::log_level::info;
};

/// Where a value came from, weakest first: a later source overrides an earlier one.
enum class origin : uint8_t { built_in, file, environment, flag, set };

/// One value as a source gave it. `place` is for people: "millrace.toml:12", "MILLRACE_CORES",
/// "--memory".
struct setting {
  std::string key;
  std::string text;
  origin from = origin::built_in;
  std::string place;
};

/// Where a row's value in force came from. Empty place: the table.
struct provenance {
  origin from = origin::built_in;
  std::string place;
};

}  // namespace millrace::server
