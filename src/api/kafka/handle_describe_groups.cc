#include "api/kafka/authorized_operations.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/group_calls.hh"
#include "api/kafka/handlers.hh"
#include "wire/kafka/messages/describe_groups.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::describe_groups_request;
using wire::kafka::describe_groups_response;
using wire::kafka::describe_groups_response_described_group;
using wire::kafka::describe_groups_response_described_group_member;

/// From this version on a group that is not there is an error; before it is one that is dead.
constexpr int16_t not_found_since = 6;

base::result<void> show(request_context& request, const broker::described_group& from,
                        describe_groups_response_described_group& out) {
  using broker::group_error;
  const bool absent = from.error == group_error::group_id_not_found || from.what.state == broker::group_state::dead;
  if (from.error != group_error::none && from.error != group_error::group_id_not_found) {
    out.error_code = error_code(from.error);
    return {};
  }
  if (absent) {
    out.group_state = broker::name_of(broker::group_state::dead);
    if (request.version < not_found_since) return {};
    out.error_code = error_code(group_error::group_id_not_found);
    TRY(out.error_message, request.memory.copy("Group " + std::string(out.group_id) + " not found."));
    return {};
  }
  out.group_state = broker::name_of(from.what.state);
  out.protocol_type = from.what.protocol_type;
  out.protocol_data = from.what.protocol;
  TRY(out.members, request.memory.make_array<describe_groups_response_described_group_member>(from.what.members.size()));
  for (size_t i = 0; i < out.members.size(); ++i) {
    const broker::stored_member& m = from.what.members[i];
    out.members[i] = {.member_id = m.member_id,
                      .group_instance_id = m.instance_id,
                      .client_id = m.client_id,
                      .client_host = m.client_host,
                      .member_metadata = m.subscription,
                      .member_assignment = m.assignment};
  }
  return {};
}

}  // namespace

handled handle_describe_groups(request_context& request) {
  CO_TRY(const describe_groups_request asked,
         wire::kafka::decode<describe_groups_request>(request.body, request.version, request.memory));
  describe_groups_response answer;
  CO_TRY(answer.groups, request.memory.make_array<describe_groups_response_described_group>(asked.groups.size()));
  std::vector<broker::described_group> found(asked.groups.size());
  for (size_t i = 0; i < asked.groups.size(); ++i) {
    const std::string_view group = asked.groups[i];
    found[i].error = broker::group_error::not_coordinator;
    if (const auto owner = coordinator_of(request.door, group)) {
      auto ask = [group](broker::group_coordinator& there) { return there.describe(group); };
      found[i] = co_await ask_coordinator(request.door, *owner, std::move(ask));
    }
    answer.groups[i].group_id = group;
    if (asked.include_authorized_operations) answer.groups[i].authorized_operations = group_operations;
    CO_TRY_CHECK(show(request, found[i], answer.groups[i]));
  }
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
