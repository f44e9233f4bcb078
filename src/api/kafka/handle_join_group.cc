#include <fmt/format.h>

#include "api/kafka/connection.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/group_calls.hh"
#include "api/kafka/handlers.hh"
#include "wire/kafka/messages/join_group.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::join_group_request;
using wire::kafka::join_group_response;
using wire::kafka::join_group_response_member;

/// From these versions on a new member is first told its id (KIP-394), and a returning leader may keep the assignment
/// (KIP-814).
constexpr int16_t member_id_first_since = 4;
constexpr int16_t may_skip_since = 9;
/// From this version on null stands for no protocol.
constexpr int16_t no_protocol_is_null_since = 7;

/// A random uuid as Java writes it: member ids end in one.
std::string fresh_text(reactor::core& on) {
  const base::uuid id = base::uuid::from_random(on.random().next(), on.random().next());
  std::string text;
  for (size_t i = 0; i < id.octets.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", id.octets[i]);
  }
  return text;
}

/// The client's address as Kafka's tools show it.
std::string host_of(connection* from) {
  if (from == nullptr) return "/";
  const std::string peer = from->peer_name();
  return "/" + peer.substr(0, peer.rfind(':'));
}

broker::join_request request_from(request_context& request, const join_group_request& asked) {
  // Version 0 has only one timeout.
  const int32_t rebalance_ms = asked.rebalance_timeout_ms < 0 ? asked.session_timeout_ms : asked.rebalance_timeout_ms;
  broker::join_request out{.member_id = std::string(asked.member_id),
                           .instance_id = owned(asked.group_instance_id),
                           .client_id = std::string(request.client_id),
                           .client_host = host_of(request.from),
                           .session_timeout = base::milliseconds(asked.session_timeout_ms),
                           .rebalance_timeout = base::milliseconds(rebalance_ms),
                           .protocol_type = std::string(asked.protocol_type),
                           .protocols = {},
                           .fresh = fresh_text(request.door.on()),
                           .member_id_required = request.version >= member_id_first_since,
                           .may_skip_assignment = request.version >= may_skip_since};
  for (const auto& p : asked.protocols) {
    out.protocols.push_back({std::string(p.name), broker::opaque(p.metadata.begin(), p.metadata.end())});
  }
  return out;
}

base::result<void> answer_from(request_context& request, const broker::join_answer& got, join_group_response& out) {
  out.error_code = error_code(got.error);
  out.generation_id = got.generation;
  out.protocol_type = got.protocol_type;
  out.protocol_name = got.protocol;
  if (!got.protocol && request.version < no_protocol_is_null_since) out.protocol_name = std::string_view();
  out.leader = got.leader;
  out.skip_assignment = got.skip_assignment;
  out.member_id = got.member_id;
  TRY(out.members, request.memory.make_array<join_group_response_member>(got.members.size()));
  for (size_t i = 0; i < got.members.size(); ++i) {
    out.members[i].member_id = got.members[i].member_id;
    out.members[i].group_instance_id = got.members[i].instance_id;
    out.members[i].metadata = got.members[i].metadata;
  }
  return {};
}

}  // namespace

handled handle_join_group(request_context& request) {
  CO_TRY(const join_group_request asked,
         wire::kafka::decode<join_group_request>(request.body, request.version, request.memory));
  join_group_response answer;
  const auto owner = coordinator_of(request.door, asked.group_id);
  if (!owner) {
    broker::join_answer nobody{.error = broker::group_error::not_coordinator, .member_id = std::string(asked.member_id)};
    CO_TRY_CHECK(answer_from(request, nobody, answer));
    request.respond(answer);
    co_return base::result<void>();
  }
  broker::join_call call(request.door.on(), request.door.groups().of(*owner), *owner, std::string(asked.group_id),
                         request_from(request, asked));
  call.answer.member_id = asked.member_id;
  const waits_for_others waiting(request, call);
  co_await call;
  CO_TRY_CHECK(answer_from(request, call.answer, answer));
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
