#pragma once

#include <cstdint>
#include <string_view>

#include "base/parse.hh"
#include "broker/catalog/broker_settings.hh"

/// What DescribeConfigs and its siblings name.

namespace millrace::api::kafka {

/// Kafka's numbers of kinds of resources.
inline constexpr int8_t topic_resource = 2;
inline constexpr int8_t broker_resource = 4;

/// Why resources of another kind have no settings here, for who asked.
constexpr const char* unserved_resource_problem(int8_t type) {
  constexpr int8_t broker_logger = 8, client_metrics = 16, group = 32;
  switch (type) {
    case broker_logger:
      return "Loggers have no levels of their own here: the broker's logging.level is that of all.";
    case client_metrics:
      return "Metrics of clients are not collected here.";
    case group:
      return "Groups have no settings of their own here: those are of consumer groups by KIP-848, of share groups and of "
             "streams groups, which this broker does not have.";
    default:
      return "Unsupported resource type.";
  }
}

/// Whether the name of a broker resource is an id of this node. The empty name, which is the default of
/// all brokers, is not.
inline bool is_this_broker(std::string_view name, const broker::broker_settings& settings) {
  const auto id = base::parse_integer<int32_t>(name);
  return id && settings.is_ours(*id);
}

}  // namespace millrace::api::kafka
