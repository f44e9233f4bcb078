#include "api/kafka/errors.hh"
#include "api/kafka/group_calls.hh"
#include "api/kafka/handlers.hh"
#include "wire/kafka/messages/sync_group.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::sync_group_request;
using wire::kafka::sync_group_response;

/// From this version on a member says which protocol it believes in.
constexpr int16_t names_since = 5;

broker::sync_request request_from(const sync_group_request& asked) {
  broker::sync_request out{.from = {.member_id = std::string(asked.member_id),
                                    .instance_id = owned(asked.group_instance_id),
                                    .generation = asked.generation_id},
                           .protocol_type = owned(asked.protocol_type),
                           .protocol = owned(asked.protocol_name),
                           .assignments = {}};
  for (const auto& a : asked.assignments) {
    out.assignments.emplace_back(std::string(a.member_id), broker::opaque(a.assignment.begin(), a.assignment.end()));
  }
  return out;
}

void answer_from(const broker::sync_answer& got, sync_group_response& out) {
  out.error_code = error_code(got.error);
  if (got.error != broker::group_error::none) return;
  out.protocol_type = got.protocol_type;
  out.protocol_name = got.protocol;
  out.assignment = got.assignment;
}

}  // namespace

handled handle_sync_group(request_context& request) {
  CO_TRY(const sync_group_request asked,
         wire::kafka::decode<sync_group_request>(request.body, request.version, request.memory));
  sync_group_response answer;
  const auto owner = coordinator_of(request.door, asked.group_id);
  if (request.version >= names_since && !(asked.protocol_type && asked.protocol_name)) {
    answer.error_code = error_code(broker::group_error::inconsistent_group_protocol);
  } else if (!owner) {
    answer.error_code = error_code(broker::group_error::not_coordinator);
  }
  if (answer.error_code != code::none) {
    request.respond(answer);
    co_return base::result<void>();
  }
  broker::sync_call call(request.door.on(), request.door.groups().of(*owner), *owner, std::string(asked.group_id),
                         request_from(asked));
  const waits_for_others waiting(request, call);
  co_await call;
  answer_from(call.answer, answer);
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
