#include <algorithm>
#include <cctype>

#include "api/kafka/errors.hh"
#include "api/kafka/group_calls.hh"
#include "api/kafka/handlers.hh"
#include "wire/kafka/messages/list_groups.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::list_groups_request;
using wire::kafka::list_groups_response;
using wire::kafka::list_groups_response_listed_group;

/// The only kind of group that there is (KIP-848 has another).
constexpr std::string_view classic = "classic";

bool equal_but_for_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

/// An empty filter lets all through.
bool passes(std::string_view text, wire::kafka::array<std::string_view> filter) {
  return filter.empty() || std::ranges::any_of(filter, [&](std::string_view f) { return equal_but_for_case(f, text); });
}

}  // namespace

/// Of all cores, each asked in turn; at a core's own port, of that one.
handled handle_list_groups(request_context& request) {
  CO_TRY(const list_groups_request asked,
         wire::kafka::decode<list_groups_request>(request.body, request.version, request.memory));
  list_groups_response answer;
  std::vector<broker::listed_group> all;
  for (unsigned core = 0; core < request.door.on().core_count(); ++core) {
    if (request.advertised.of_core && base::core_id(core) != request.door.on().id()) continue;
    auto ask = [](broker::group_coordinator& there) { return there.list(); };
    broker::group_list some = co_await ask_coordinator(request.door, base::core_id(core), std::move(ask));
    if (!some.complete) answer.error_code = code::coordinator_load_in_progress;
    std::ranges::move(some.groups, std::back_inserter(all));
  }
  std::erase_if(all, [&](const broker::listed_group& g) {
    return !passes(broker::name_of(g.state), asked.states_filter) || !passes(classic, asked.types_filter);
  });
  CO_TRY(answer.groups, request.memory.make_array<list_groups_response_listed_group>(all.size()));
  for (size_t i = 0; i < all.size(); ++i) {
    answer.groups[i] = {.group_id = all[i].id,
                        .protocol_type = all[i].protocol_type,
                        .group_state = broker::name_of(all[i].state),
                        .group_type = classic};
  }
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
