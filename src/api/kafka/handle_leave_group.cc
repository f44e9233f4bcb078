#include "api/kafka/errors.hh"
#include "api/kafka/group_calls.hh"
#include "api/kafka/handlers.hh"
#include "wire/kafka/messages/leave_group.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::leave_group_request;
using wire::kafka::leave_group_response;
using wire::kafka::leave_group_response_member;

/// From this version on several members leave at once, and each has its own answer (KIP-345).
constexpr int16_t many_since = 3;

std::vector<broker::leaving_member> members_from(request_context& request, const leave_group_request& asked) {
  if (request.version < many_since) return {{.member_id = std::string(asked.member_id), .instance_id = std::nullopt}};
  std::vector<broker::leaving_member> members;
  for (const auto& m : asked.members) members.push_back({std::string(m.member_id), owned(m.group_instance_id)});
  return members;
}

base::result<void> answer_from(request_context& request, const leave_group_request& asked, const broker::leave_answer& got,
                               leave_group_response& out) {
  out.error_code = error_code(got.error);
  if (got.error != broker::group_error::none) return {};
  if (request.version < many_since) {
    out.error_code = error_code(got.members.front());
    return {};
  }
  TRY(out.members, request.memory.make_array<leave_group_response_member>(asked.members.size()));
  for (size_t i = 0; i < out.members.size(); ++i) {
    out.members[i].member_id = asked.members[i].member_id;
    out.members[i].group_instance_id = asked.members[i].group_instance_id;
    out.members[i].error_code = error_code(got.members[i]);
  }
  return {};
}

}  // namespace

handled handle_leave_group(request_context& request) {
  CO_TRY(const leave_group_request asked,
         wire::kafka::decode<leave_group_request>(request.body, request.version, request.memory));
  broker::leave_answer got{.error = broker::group_error::not_coordinator, .members = {}};
  if (const auto owner = coordinator_of(request.door, asked.group_id)) {
    const std::vector<broker::leaving_member> members = members_from(request, asked);
    const std::string_view group = asked.group_id;
    const auto* const who = &members;
    auto ask = [group, who](broker::group_coordinator& there) { return there.leave(group, *who); };
    got = co_await ask_coordinator(request.door, *owner, std::move(ask));
  }
  leave_group_response answer;
  CO_TRY_CHECK(answer_from(request, asked, got, answer));
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
