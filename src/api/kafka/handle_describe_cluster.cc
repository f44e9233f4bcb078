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
  describe_cluster_response_broker me{.broker_id = settings.node_id,
                                      .host = request.advertised.host,
                                      .port = request.advertised.port,
                                      .rack = std::nullopt,
                                      .is_fenced = false};
  if (!settings.rack.empty()) me.rack = settings.rack;
  answer.cluster_id = request.door.topics().cluster_id;
  answer.controller_id = settings.node_id;
  answer.brokers = {&me, 1};
  if (asked.include_cluster_authorized_operations) answer.cluster_authorized_operations = cluster_operations;
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
