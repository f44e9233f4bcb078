#include "api/kafka/errors.hh"
#include "api/kafka/group_calls.hh"
#include "api/kafka/handlers.hh"
#include "wire/kafka/messages/delete_groups.hh"

namespace millrace::api::kafka {

handled handle_delete_groups(request_context& request) {
  using wire::kafka::delete_groups_request;
  using wire::kafka::delete_groups_response_deletable_group_result;
  CO_TRY(const delete_groups_request asked,
         wire::kafka::decode<delete_groups_request>(request.body, request.version, request.memory));
  wire::kafka::delete_groups_response answer;
  CO_TRY(answer.results,
         request.memory.make_array<delete_groups_response_deletable_group_result>(asked.groups_names.size()));
  for (size_t i = 0; i < answer.results.size(); ++i) {
    const std::string_view group = asked.groups_names[i];
    broker::group_error outcome = broker::group_error::not_coordinator;
    if (const auto owner = coordinator_of(request.door, group)) {
      auto ask = [group = std::string(group)](broker::group_coordinator& there) mutable {
        return there.remove(std::move(group));
      };
      const base::result<broker::group_error> got = co_await task_coordinator(request.door, *owner, std::move(ask));
      if (got) outcome = *got;
    }
    answer.results[i].group_id = group;
    answer.results[i].error_code = error_code(outcome);
  }
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
