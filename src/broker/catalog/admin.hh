#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hh"
#include "base/uuid.hh"
#include "broker/catalog/topic_config.hh"

/// What administration asks and what comes of it: the words between the doors and the controller.

namespace millrace::broker {

/// Replicas (node ids) of one partition.
using replica_list = std::vector<int32_t>;

/// Most partitions that one request may make (Kafka's bound).
inline constexpr int64_t new_partitions_max = 10000;

struct new_topic {
  std::string name;  ///< the full Kafka name, unless a stream is given
  /// The stream, which is there, in which `name` is a topic's. Without one the Kafka name says which
  /// it is, and it is made where it is not there.
  std::optional<std::string> stream = std::nullopt;
  int32_t partitions = -1;          ///< -1: num.partitions
  int16_t replication_factor = -1;  ///< -1: default.replication.factor
  /// Explicit assignment by partition; empty: none given.
  std::vector<std::pair<int32_t, replica_list>> assignment;
  /// Settings as given; of a key that comes twice the last counts, as in Kafka. nullopt: null.
  std::vector<std::pair<std::string, std::optional<std::string>>> configs;
};

/// Which topic: by its full Kafka name, or by its id (any topic).
using topic_reference = std::variant<std::string, base::uuid>;

/// More partitions for a topic.
struct partition_growth {
  topic_reference topic;
  int32_t total = 0;                                    ///< that it shall have
  std::optional<std::vector<replica_list>> assignment;  ///< of the new ones
};

/// Other settings for a topic.
struct topic_alteration {
  topic_reference topic;
  std::vector<config_change> changes;
  bool replace = false;  ///< what is not named is removed (AlterConfigs)
};

/// What came of one of them. Errors: each change says which; storage, no_space and io where it
/// could not be made durable, closed where the broker stops.
struct admin_outcome {
  std::optional<base::error> error;
  std::string why;  ///< for people, where there is more to say than the code
  base::uuid stream_id;
  base::uuid topic_id;
  int32_t partitions = 0;
  int16_t replication_factor = 0;
  config_overrides overrides;

  void refuse(base::errc code, std::string text = {}) { refuse(base::error{code, 0, 0}, std::move(text)); }
  void refuse(base::error e, std::string text = {}) {
    error = e;
    why = std::move(text);
  }
};

/// One for each that was asked, in order.
using admin_outcomes = std::vector<admin_outcome>;

}  // namespace millrace::broker
