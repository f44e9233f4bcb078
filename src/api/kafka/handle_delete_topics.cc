#include <map>

#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/group_calls.hh"
#include "api/kafka/handlers.hh"
#include "wire/kafka/messages/delete_topics.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::delete_topics_request;
using wire::kafka::delete_topics_response;
using wire::kafka::delete_topics_response_deletable_topic_result;

/// Kafka's own rule: clients before this version do not know the code for "deletion is switched
/// off".
constexpr int16_t deletion_disabled_since = 3;

int16_t outcome_code(const broker::admin_outcome& outcome) {
  if (!outcome.error) return code::none;
  // It was there when we looked its name up: somebody else has deleted it meanwhile.
  if (outcome.error->code == base::errc::unknown_topic_id) return code::unknown_topic_or_partition;
  return error_code(*outcome.error);
}

/// What groups committed for topics that are gone goes, in the background.
reactor::task<void> forget_offsets(request_context& request) {
  for (unsigned core = 0; core < request.door.on().core_count(); ++core) {
    auto tell = [](broker::group_coordinator& there) {
      there.topics_changed();
      return true;
    };
    co_await ask_coordinator(request.door, base::core_id(core), std::move(tell));
  }
}

}  // namespace

handled handle_delete_topics(request_context& request) {
  CO_TRY(const delete_topics_request asked,
         wire::kafka::decode<delete_topics_request>(request.body, request.version, request.memory));
  std::map<std::string_view, size_t> times;
  for (const std::string_view name : asked.topic_names) ++times[name];

  // Each name once, with its code as far as it is known.
  const bool allowed = request.door.controller().settings().delete_topics;
  std::map<std::string_view, int16_t> codes;
  std::vector<base::uuid> ids;
  std::vector<std::string_view> deleted;
  for (const auto& [name, count] : times) {
    const broker::topic_info* topic = request.door.topics().find(name);
    if (!allowed) {
      codes[name] = request.version >= deletion_disabled_since ? code::topic_deletion_disabled : code::invalid_request;
    } else if (count > 1) {
      codes[name] = code::invalid_request;
    } else if (topic == nullptr) {
      codes[name] = code::unknown_topic_or_partition;
    } else if (topic->internal) {
      codes[name] = code::invalid_topic;
    } else {
      ids.push_back(topic->id);
      deleted.push_back(name);
    }
  }
  if (!ids.empty()) {
    const auto done = co_await request.door.controller().delete_topics(request.door.on(), std::move(ids));
    for (size_t i = 0; i < deleted.size(); ++i) {
      codes[deleted[i]] = done ? outcome_code((*done)[i]) : error_code(done.error());
    }
    co_await forget_offsets(request);
  }
  delete_topics_response answer;
  CO_TRY(answer.responses, request.memory.make_array<delete_topics_response_deletable_topic_result>(codes.size()));
  size_t at = 0;
  for (const std::string_view name : asked.topic_names) {
    const auto found = codes.find(name);
    if (found == codes.end()) continue;  // answered already
    answer.responses[at].name = name;
    answer.responses[at++].error_code = found->second;
    codes.erase(found);
  }
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
