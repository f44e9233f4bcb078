#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.hh"
#include "base/tagged.hh"
#include "base/uuid.hh"
#include "broker/catalog/topic_config.hh"
#include "storage/types.hh"

/// What topics there are, as one immutable value. The controller makes it and owns the topics;
/// every core has a pointer to the same one (catalog.hh). Never kept across a wait: neither it nor
/// a topic.

namespace millrace::broker {

struct partition_info {
  storage::log_id id;
  base::core_id owner{0};  ///< by placement.hh, for the cores of this start
};

struct topic_info {
  base::uuid id;
  std::string name;  ///< the full Kafka name: "topic" in the default stream, or "stream.topic"
  bool internal = false;
  std::vector<partition_info> partitions;  ///< by index
  topic_config config;
};

struct snapshot {
  std::string cluster_id;                 ///< 22 characters, as Kafka's
  std::vector<const topic_info*> topics;  ///< by name, ascending
  std::unordered_map<std::string_view, const topic_info*, base::string_hash, std::equal_to<>>
      by_name;
  std::unordered_map<base::uuid, const topic_info*> by_id;

  /// Names come in ascending order.
  void add(const topic_info& topic) {
    topics.push_back(&topic);
    by_name.emplace(topic.name, &topic);
    by_id.emplace(topic.id, &topic);
  }
  const topic_info* find(std::string_view name) const {
    const auto found = by_name.find(name);
    return found == by_name.end() ? nullptr : found->second;
  }
  const topic_info* find(const base::uuid& id) const {
    const auto found = by_id.find(id);
    return found == by_id.end() ? nullptr : found->second;
  }
};

}  // namespace millrace::broker
