#include "server/settings.hh"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include "broker/partition/batch_limit.hh"
#include "server/config_value.hh"

namespace millrace::server {

namespace {

/// Of the process's memory, what the cores reserve for buffers; the rest is for everything that is allocated one by one,
/// and for frames that are larger than a buffer.
constexpr unsigned reserved_percent = 72;
constexpr uint64_t process_bytes = 24u << 20;
constexpr uint64_t core_bytes_min = 24u << 20;
/// Receive buffers take at most an eighth of a core's memory.
constexpr unsigned receive_share = 8;
/// Of the descriptors, what stays for files and listeners.
constexpr uint64_t files_min = 64;
constexpr uint64_t files_max = 65536;
/// Each core can take one request of the largest size beside its buffers; at most so much of the memory is left for them.
constexpr unsigned largest_requests_share = 4;
/// What partitions may take of the memory, and what one takes: a topic of one 4 KB, each further partition 2.5 (measured by
/// tests/e2e/many.py).
constexpr uint64_t partitions_share = 8;
constexpr uint64_t partition_bytes = 4096;
/// Where a time has no bound: a hundred years, which added to a clock still fit it.
constexpr int64_t ms_most = int64_t{100} * 365 * 24 * 3600 * 1000;

unsigned receive_buffers(uint64_t core_bytes) {
  unsigned count = 256;
  while (count > 16 && count * uint64_t{65536} > core_bytes / receive_share) count /= 2;
  return count;
}

/// Half of the process's descriptors are for segment files, an equal share for each core; the rest for connections.
uint64_t open_files(unsigned cores) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
  return std::max<uint64_t>(64, limit.rlim_cur / 2 / cores);
}

/// What may be divided between buffers, requests of the largest size, and what is allocated one by one.
uint64_t usable_bytes(uint64_t memory_bytes) { return memory_bytes > process_bytes ? memory_bytes - process_bytes : 0; }

uint64_t largest_requests_bytes(const config& from, size_t cores) {
  return static_cast<uint64_t>(from.socket_request_max_bytes) * cores;
}

/// HTTP must find room in its core's ring however many Kafka clients there are.
unsigned kafka_connections_max() {
  return reactor::connections_max({}) - static_cast<unsigned>(2 * api::http::door_options{}.connections_max);
}

std::string host_of(const endpoint& one) { return one.host == "localhost" ? "127.0.0.1" : one.host; }

api::kafka::send_mode send_mode(send_mechanism from) {
  switch (from) {
    case send_mechanism::automatic:
      return api::kafka::send_mode::automatic;
    case send_mechanism::copy:
      return api::kafka::send_mode::copy;
    case send_mechanism::zero_copy:
      return api::kafka::send_mode::zero_copy;
  }
  return api::kafka::send_mode::automatic;
}

}  // namespace

reactor::machine_options machine_settings(const config& from, std::vector<unsigned> cpus, uint64_t memory_bytes) {
  reactor::machine_options options;
  const uint64_t usable = usable_bytes(memory_bytes);
  const uint64_t kept_free = std::min(largest_requests_bytes(from, cpus.size()), usable / largest_requests_share);
  options.memory_bytes = std::max(core_bytes_min, (usable - kept_free) * reserved_percent / 100 / cpus.size());
  options.cpus = std::move(cpus);
  options.ring.receive_buffers = receive_buffers(options.memory_bytes);
  options.ring.spin_max = base::microseconds(from.reactor_spin_max_us);
  options.stall_threshold = base::milliseconds(from.reactor_stall_threshold_ms);
  options.log_least = from.logging_level;
  return options;
}

std::vector<std::string> memory_warnings(const config& from, size_t cores, uint64_t memory_bytes,
                                         uint64_t core_memory_bytes) {
  std::vector<std::string> warnings;
  const uint64_t left = usable_bytes(memory_bytes) / largest_requests_share;
  if (const uint64_t largest = largest_requests_bytes(from, cores); largest > left) {
    warnings.push_back(
        fmt::format("memory: requests of socket.request.max.bytes ({}) on all {} cores at once may take {} MiB "
                    "more than the {} MiB of memory",
                    from.socket_request_max_bytes, cores, (largest - left) >> 20, memory_bytes >> 20));
  }
  const uint64_t most = broker::batch_bytes_max(core_memory_bytes);
  if (static_cast<uint64_t>(from.message_max_bytes) > most) {
    warnings.push_back(
        fmt::format("message.max.bytes: {} bytes are more than a core with {} MiB of buffers takes; larger "
                    "batches than {} bytes are refused (MESSAGE_TOO_LARGE)",
                    from.message_max_bytes, core_memory_bytes >> 20, most));
  }
  return warnings;
}

namespace {
storage::compaction_options compaction_settings(const config& from, unsigned cores) {
  storage::compaction_options options;
  options.map_bytes_max = static_cast<uint64_t>(from.log_cleaner_dedupe_buffer_size) / cores;
  options.pace.core_percent = static_cast<unsigned>(from.compaction_core_percent);
  options.pace.bytes_per_second =
      std::max<uint64_t>(static_cast<uint64_t>(from.log_cleaner_io_max_bytes_per_second) / cores, 1);
  return options;
}
}  // namespace

storage::storage_options storage_settings(const config& from, unsigned cores) {
  storage::storage_options options;
  options.data_dir = from.log_dirs;
  options.commits.file_bytes = static_cast<uint64_t>(from.commit_log_size);
  options.commits.inline_bytes_max = static_cast<uint32_t>(from.commit_log_inline_bytes_max);
  options.commits.groups_in_flight = static_cast<unsigned>(from.commit_log_groups_in_flight);
  options.open_files_max = open_files(cores);
  options.pool.bytes_max = static_cast<uint64_t>(from.segment_pool_size);
  options.compact = compaction_settings(from, cores);
  options.splice_reads = from.reactor_cold_read == cold_read_mechanism::splice;
  return options;
}

broker::producer_options producer_settings(const config& from) {
  broker::producer_options options;
  options.expiration = base::milliseconds(from.producer_id_expiration_ms);
  return options;
}

broker::coordinator_options coordinator_settings(const config& from) {
  broker::coordinator_options options;
  options.groups.initial_rebalance_delay = base::milliseconds(from.group_initial_rebalance_delay_ms);
  options.groups.session_timeout_min = base::milliseconds(from.group_min_session_timeout_ms);
  options.groups.session_timeout_max = base::milliseconds(from.group_max_session_timeout_ms);
  options.groups.size_max = static_cast<size_t>(from.group_max_size);
  options.offset_metadata_max = from.offset_metadata_max_bytes;
  options.offsets_retention_ms = int64_t{from.offsets_retention_minutes} * 60 * 1000;
  options.retention_check = base::milliseconds(std::min(from.offsets_retention_check_interval_ms, ms_most));
  return options;
}

broker::retention_options retention_settings(const config& from) {
  broker::retention_options options;
  options.check_interval = base::milliseconds(std::min(from.log_retention_check_interval_ms, ms_most));
  return options;
}

broker::compaction_keeper_options compaction_keeper_settings(const config& from) {
  broker::compaction_keeper_options options;
  options.interval = base::milliseconds(std::min(from.log_cleaner_backoff_ms, ms_most));
  return options;
}

broker::controller_options controller_settings(const loaded_config& loaded, unsigned cores, uint64_t memory_bytes) {
  const config& from = loaded.values;
  broker::controller_options options;
  options.data_dir = from.log_dirs;
  broker::broker_settings& s = options.settings;
  s.node_id = from.node_id;
  s.core_brokers = from.core_listeners_enable ? cores : 0;
  s.rack = from.broker_rack;
  s.log_dir = std::filesystem::absolute(from.log_dirs).lexically_normal().string();
  s.num_partitions = from.num_partitions;
  s.default_replication_factor = static_cast<int16_t>(from.default_replication_factor);
  s.delete_topics = from.delete_topic_enable;
  s.offsets_topic_partitions = from.offsets_topic_num_partitions;
  s.offsets_topic_segment_bytes = from.offsets_topic_segment_bytes;
  s.partitions_max = static_cast<int64_t>(memory_bytes / partitions_share / partition_bytes);
  for (const explained_setting& one : explain(loaded)) {
    const bool built_in = one.from.from == origin::built_in;
    s.all.push_back({.name = std::string(one.what.name),
                     .value = one.text,
                     .initial = one.initial,
                     .source = built_in ? broker::config_source::built_in : broker::config_source::static_broker,
                     .type = static_cast<broker::config_type>(kafka_type(one.what)),
                     .about = std::string(one.what.about),
                     .topic_key = std::string(one.what.topic_key)});
  }
  options.placement = broker::placement(cores);
  for (const placement& p : from.placement_override) options.placement.set_override(p.topic, p.partition, p.core);
  return options;
}

api::kafka::door_options door_settings(const config& from) {
  api::kafka::door_options options;
  options.node_id = from.node_id;
  options.request_bytes_max = static_cast<uint32_t>(from.socket_request_max_bytes);
  const int64_t idle_ms = from.connections_max_idle_ms;
  options.idle_max = base::milliseconds(idle_ms < 0 ? ms_most : std::min(idle_ms, ms_most));
  options.fetch_bytes_max = static_cast<uint32_t>(from.fetch_max_bytes);
  options.fetch_sessions_max = static_cast<uint32_t>(from.max_incremental_fetch_session_cache_slots);
  options.validate_compressed = from.validate_compressed_batches;
  options.auto_create_topics = from.auto_create_topics_enable;
  options.connections_max = kafka_connections_max();
  options.send = send_mode(from.reactor_send);
  return options;
}

std::optional<http_settings> http_door_settings(const config& from) {
  if (!from.http) return std::nullopt;
  http_settings made{.bind = {.host = host_of(*from.http), .port = from.http->port, .shared = false}, .door = {}};
  made.door.partitions_max = static_cast<size_t>(from.metrics_partitions_max);
  return made;
}

uint64_t connections_limit(const config& from, unsigned cores, uint64_t open_files) {
  const uint64_t for_files = std::clamp(open_files / 16, files_min, files_max);
  const uint64_t sockets = open_files > 2 * for_files ? open_files - for_files : open_files / 2;
  return std::min({static_cast<uint64_t>(from.max_connections), sockets, uint64_t{kafka_connections_max()} * cores});
}

std::vector<api::kafka::door_listener> listener_settings(const config& from) {
  std::vector<api::kafka::door_listener> all;
  for (const endpoint& l : from.listeners) {
    api::kafka::door_listener one;
    one.bind = {.host = host_of(l), .port = l.port, .shared = true};
    one.advertised = {.host = l.host, .port = l.port};
    const auto said = std::find_if(from.advertised_listeners.begin(), from.advertised_listeners.end(),
                                   [&](const endpoint& a) { return a.name == l.name; });
    if (said != from.advertised_listeners.end()) one.advertised = {.host = said->host, .port = said->port};
    all.push_back(std::move(one));
  }
  return all;
}

std::vector<api::kafka::door_listener> core_listener_settings(const config& from, const api::kafka::door_listener& first,
                                                              unsigned cores) {
  std::vector<api::kafka::door_listener> all;
  if (!from.core_listeners_enable) return all;
  api::kafka::door_listener of_core = first;
  of_core.bind.shared = false;
  if (!from.core_listeners_advertised_host.empty()) of_core.advertised.host = from.core_listeners_advertised_host;
  for (unsigned core = 0; core < cores; ++core) {
    const int64_t port = from.core_listeners_port == 0 ? 0 : from.core_listeners_port + int64_t{core};
    of_core.bind.port = of_core.advertised.port = static_cast<uint16_t>(port);
    all.push_back(of_core);
  }
  return all;
}

}  // namespace millrace::server
