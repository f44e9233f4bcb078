#include "api/kafka/errors.hh"
#include "api/kafka/group_calls.hh"
#include "api/kafka/handlers.hh"
#include "wire/kafka/messages/heartbeat.hh"

namespace millrace::api::kafka {

handled handle_heartbeat(request_context& request) {
  using wire::kafka::heartbeat_request;
  CO_TRY(const heartbeat_request asked,
         wire::kafka::decode<heartbeat_request>(request.body, request.version, request.memory));
  broker::group_error error = broker::group_error::not_coordinator;
  if (const auto owner = coordinator_of(request.door, asked.group_id)) {
    const broker::member_reference from{.member_id = std::string(asked.member_id),
                                        .instance_id = owned(asked.group_instance_id),
                                        .generation = asked.generation_id};
    const std::string_view group = asked.group_id;
    const auto* const who = &from;
    auto ask = [group, who](broker::group_coordinator& there) { return there.heartbeat(group, *who); };
    error = co_await ask_coordinator(request.door, *owner, std::move(ask));
  }
  wire::kafka::heartbeat_response answer;
  answer.error_code = error_code(error);
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
