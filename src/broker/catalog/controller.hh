#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hh"
#include "broker/catalog/catalog.hh"
#include "broker/catalog/meta_store.hh"
#include "broker/partition/broker_core.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"

/// Changes of the catalog, one at a time, on core 0: validated, made durable in the meta_store, carried out on the cores
/// that own the partitions, then shown to every core as a new snapshot. Every function may be called on any core; it goes
/// to core 0 and comes back. Errors carry the code that the doors translate.

namespace millrace::broker {

struct new_topic {
  std::string name;                 ///< full Kafka name
  int32_t partitions = -1;          ///< -1: num.partitions
  int16_t replication_factor = -1;  ///< -1: the default
  /// Explicit assignment: replicas (node ids) by partition; empty: none given.
  std::map<int32_t, std::vector<int32_t>> assignment;
  /// Settings as given, in order, a null value as nullopt.
  std::vector<std::pair<std::string, std::optional<std::string>>> configs;
  bool validate_only = false;
};

/// What came of one; `why` has a text for people where there is more to say than the code.
struct admin_outcome {
  std::optional<base::error> error;
  std::string why;
  base::uuid topic_id;
  int32_t partitions = 0;
  int16_t replication_factor = 0;
};

enum class config_op : uint8_t { set = 0, remove = 1, append = 2, subtract = 3 };  ///< as IncrementalAlterConfigs
struct config_change {
  std::string key;
  config_op op = config_op::set;
  std::optional<std::string> value;
};

class controller {
 public:
  virtual ~controller() = default;
  virtual reactor::task<admin_outcome> create_topic(reactor::core& here, new_topic topic) = 0;
  virtual reactor::task<admin_outcome> delete_topic(reactor::core& here, base::uuid id) = 0;
  virtual reactor::task<admin_outcome> create_partitions(reactor::core& here, std::string topic, int32_t total,
                                                         std::vector<std::vector<int32_t>> assignment,
                                                         bool validate_only) = 0;
  /// Changes a topic's settings; `replace`: those not named are removed (AlterConfigs).
  virtual reactor::task<admin_outcome> alter_topic(reactor::core& here, std::string topic,
                                                   std::vector<config_change> changes, bool replace,
                                                   bool validate_only) = 0;
};

}  // namespace millrace::broker
