#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/tagged.hh"
#include "broker/catalog/config_keys.hh"

/// What the operator decided about the whole broker, as far as topics and administration are
/// concerned. Plain values; the server fills them before anything starts, and nothing changes them.

namespace millrace::broker {

/// As DescribeConfigs numbers them.
enum class config_source : int8_t {
  topic = 1,          ///< set for the topic itself
  static_broker = 4,  ///< in the file, the environment or a flag
  built_in = 5,
};

/// One setting of the broker, as DescribeConfigs shows it.
struct broker_setting {
  std::string name;  ///< Kafka's, where Kafka has it
  std::string value;
  std::string initial;  ///< what it is where nobody sets it
  config_source source = config_source::built_in;
  config_type type = config_type::string;
  std::string about;
  std::string topic_key;  ///< the topic's setting for which this is the default; empty: none
};

/// Ids that a node takes where its cores are brokers.
inline constexpr int32_t broker_ids_a_node = 1000;

struct broker_settings {
  int32_t node_id = 1;
  std::string rack;     ///< empty: none
  std::string log_dir;  ///< the directory of the data as clients are shown it: an absolute path
  int32_t num_partitions = 1;
  int16_t default_replication_factor = 1;
  bool delete_topics = true;                        ///< delete.topic.enable
  int32_t offsets_topic_partitions = 50;            ///< offsets.topic.num.partitions
  int32_t offsets_topic_segment_bytes = 100 << 20;  ///< offsets.topic.segment.bytes
  int64_t partitions_max = INT64_MAX;               ///< of all topics together: what memory has room for
  std::vector<broker_setting> all;

  /// Kafka's ids of the cores, where each is a broker of its own to clients (listeners of cores): 1000 x node_id + core. 0:
  /// the node is one broker, node_id.
  unsigned core_brokers = 0;

  bool cores_are_brokers() const noexcept { return core_brokers > 0; }
  /// Id of the broker that serves what this core owns.
  int32_t broker_id(base::core_id core) const noexcept {
    if (!cores_are_brokers()) return node_id;
    return broker_ids_a_node * node_id + static_cast<int32_t>(core.value());
  }
  /// Whether `id` is this node's, or one of its cores'.
  bool is_ours(int32_t id) const noexcept {
    if (!cores_are_brokers()) return id == node_id;
    const int64_t core = int64_t{id} - int64_t{broker_ids_a_node} * node_id;
    return core >= 0 && core < core_brokers;
  }

  /// The setting that is a topic key's default; null where the broker has none, and Kafka's default
  /// holds.
  const broker_setting* default_of(std::string_view topic_key) const {
    for (const broker_setting& s : all) {
      if (s.topic_key == topic_key) return &s;
    }
    return nullptr;
  }
};

}  // namespace millrace::broker
