#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.hh"
#include "base/tagged.hh"
#include "base/uuid.hh"
#include "broker/catalog/names.hh"
#include "broker/catalog/stored_entries.hh"
#include "broker/catalog/topic_config.hh"
#include "storage/types.hh"

/// What streams and topics there are, as one immutable value. The controller makes it and owns what
/// it points to; every core has a pointer to the same one (catalog.hh). Never kept across a wait:
/// neither it nor a topic.

namespace millrace::broker {

struct partition_info {
  storage::log_id id;
  base::core_id owner{0};  ///< by placement.hh, for the cores of this start
};

struct topic_info {
  base::uuid id;
  const stored_stream* stream = nullptr;
  std::string topic_name;  ///< within its stream
  std::string kafka_name;  ///< the full one, by names.hh; empty: Kafka is not shown it
  uint32_t number = 0;     ///< within its stream
  base::unix_ms created = 0;
  bool internal = false;
  std::vector<partition_info> partitions;  ///< by index
  topic_config config;
};

struct stream_view {
  const stored_stream* stream = nullptr;
  std::vector<const topic_info*> topics;  ///< by name, ascending
};

struct snapshot {
  std::string cluster_id;  ///< 22 characters, as Kafka's

  // ---- as Kafka sees it: full names, no streams

  std::vector<const topic_info*> topics;  ///< those with a Kafka name, by it, ascending
  std::unordered_map<std::string_view, const topic_info*, base::string_hash, std::equal_to<>> by_kafka_name;

  const topic_info* find(std::string_view kafka_name) const {
    const auto found = by_kafka_name.find(kafka_name);
    return found == by_kafka_name.end() ? nullptr : found->second;
  }
  const topic_info* find(const base::uuid& id) const {
    const topic_info* topic = find_topic(id);
    return topic == nullptr || topic->kafka_name.empty() ? nullptr : topic;
  }

  // ---- as every other door sees it

  std::vector<stream_view> streams;  ///< by name, ascending
  std::unordered_map<base::uuid, const topic_info*> by_id;

  const stream_view* find_stream(std::string_view name) const {
    const auto name_of = [](const stream_view& s) { return std::string_view(s.stream->name); };
    const auto at = std::ranges::lower_bound(streams, name, {}, name_of);
    return at == streams.end() || at->stream->name != name ? nullptr : &*at;
  }
  const topic_info* find_topic(stream_and_topic names) const {
    const stream_view* in = find_stream(names.stream);
    if (in == nullptr) return nullptr;
    const auto name_of = [](const topic_info* t) { return std::string_view(t->topic_name); };
    const auto at = std::ranges::lower_bound(in->topics, names.topic, {}, name_of);
    return at == in->topics.end() || (*at)->topic_name != names.topic ? nullptr : *at;
  }
  const topic_info* find_topic(const base::uuid& id) const {
    const auto found = by_id.find(id);
    return found == by_id.end() ? nullptr : found->second;
  }
};

}  // namespace millrace::broker
