#pragma once

#include <cstdint>
#include <string_view>

#include "base/parse.hh"

/// What DescribeConfigs and its siblings name.

namespace millrace::api::kafka {

/// Kafka's numbers of kinds of resources; others exist and are not served.
inline constexpr int8_t topic_resource = 2;
inline constexpr int8_t broker_resource = 4;

/// Whether the name of a broker resource is this node's id. The empty name, which is the default of
/// all brokers, is not.
inline bool is_this_broker(std::string_view name, int32_t node_id) {
  const auto id = base::parse_integer<int32_t>(name);
  return id && *id == node_id;
}

}  // namespace millrace::api::kafka
