#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "api/kafka/request_context.hh"
#include "base/tagged.hh"

/// What clients are told of who serves what: the node is one broker, found where the client came in; or each of its cores is
/// one, with a port of its own. Then the list is the same on every port, and the ports that clients bootstrap from are of no
/// broker.

namespace millrace::api::kafka {

struct advertised_broker {
  int32_t id = -1;
  std::string_view host;  ///< lives as long as the door
  uint16_t port = 0;
};

/// All of them, by core.
std::vector<advertised_broker> advertised_brokers(const request_context& request);
/// The one that serves what `core` owns.
advertised_broker broker_of(const request_context& request, base::core_id core);
/// Its id alone.
int32_t broker_id_of(const request_context& request, base::core_id core);
/// Whose id the client gives that came in here (ApiVersions 5); -1: nobody's.
int32_t own_broker_id(const request_context& request);
/// The controller is core 0's.
inline constexpr base::core_id controller_core{0};

}  // namespace millrace::api::kafka
