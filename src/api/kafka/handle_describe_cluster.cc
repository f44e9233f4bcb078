#include "api/kafka/advertised_brokers.hh"
#include "api/kafka/authorized_operations.hh"
#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/handlers.hh"
#include "wire/kafka/messages/describe_cluster.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::describe_cluster_request;
using wire::kafka::describe_cluster_response;
using wire::kafka::describe_cluster_response_broker;

// Whose addresses are asked for (KIP-919).
constexpr int8_t brokers = 1;
constexpr int8_t controllers = 2;

}  // namespace

handled handle_describe_cluster(request_context& request) {
  CO_TRY(const describe_cluster_request asked,
         wire::kafka::decode<describe_cluster_request>(request.body, request.version, request.memory));
  describe_cluster_response answer;
  if (asked.endpoint_type != brokers) {
    const bool known = asked.endpoint_type == controllers;
    answer.error_code = known ? code::mismatched_endpoint_type : code::unsupported_endpoint_type;
    answer.error_message = known ? "This listener serves clients, not controllers." : "Unknown endpoint type.";
    request.respond(answer);
    co_return base::result<void>();
  }
  const broker::broker_settings& settings = request.door.controller().settings();
  const std::vector<advertised_broker> all = advertised_brokers(request);
  CO_TRY(answer.brokers, request.memory.make_array<describe_cluster_response_broker>(all.size()));
  for (size_t i = 0; i < all.size(); ++i) {
    describe_cluster_response_broker& one = answer.brokers[i];
    one.broker_id = all[i].id;
    one.host = all[i].host;
    one.port = all[i].port;
    if (!settings.rack.empty()) one.rack = settings.rack;
  }
  answer.cluster_id = request.door.topics().cluster_id;
  answer.controller_id = broker_id_of(request, controller_core);
  if (asked.include_cluster_authorized_operations) answer.cluster_authorized_operations = cluster_operations;
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
