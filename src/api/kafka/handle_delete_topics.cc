#include <map>
#include <vector>

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
/// From this version on a topic is named by name or by id (KIP-516).
constexpr int16_t topic_ids_since = 6;

/// One topic that shall go, as it was named, and what came of it.
struct deletion {
  std::optional<std::string> name;
  base::uuid id;
  int16_t error = code::none;
};

/// Each mention, in order; of the same one twice the first, which is then refused.
std::vector<deletion> topics_asked(request_context& request, const delete_topics_request& asked) {
  std::vector<deletion> all;
  std::map<std::pair<std::string_view, base::uuid>, size_t> seen;
  const auto add = [&](std::optional<std::string_view> name, const base::uuid& id) {
    const auto [at, is_new] = seen.try_emplace({name.value_or(std::string_view()), id}, all.size());
    if (is_new) {
      all.push_back({.name = owned(name), .id = id});
    } else {
      all[at->second].error = code::invalid_request;
    }
  };
  if (request.version < topic_ids_since) {
    for (const std::string_view name : asked.topic_names) add(name, {});
  } else {
    for (const auto& t : asked.topics) add(t.name, t.topic_id);
  }
  return all;
}

/// What the catalog says before anything goes; a topic that may go has an id and a name then.
void look_up(request_context& request, deletion& one) {
  if (one.error != code::none) return;
  const bool by_id = !one.id.is_zero();
  if (!request.door.controller().settings().delete_topics) {
    one.error = request.version >= deletion_disabled_since ? code::topic_deletion_disabled : code::invalid_request;
    return;
  }
  if (by_id == one.name.has_value()) {  // both, or neither
    one.error = code::invalid_request;
    return;
  }
  const broker::snapshot& topics = request.door.topics();
  const broker::topic_info* const topic = by_id ? topics.find(one.id) : topics.find(*one.name);
  if (topic == nullptr) {
    one.error = by_id ? error_code(base::errc::unknown_topic_id) : code::unknown_topic_or_partition;
    return;
  }
  one.id = topic->id;
  one.name = topic->kafka_name;
  if (topic->internal) one.error = code::invalid_topic;
}

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
  std::vector<deletion> all = topics_asked(request, asked);
  std::vector<base::uuid> ids;
  std::vector<deletion*> going;
  for (deletion& one : all) {
    look_up(request, one);
    if (one.error != code::none) continue;
    ids.push_back(one.id);
    going.push_back(&one);
  }
  if (!ids.empty()) {
    const auto done = co_await request.door.controller().delete_topics(request.door.on(), std::move(ids));
    for (size_t i = 0; i < going.size(); ++i) {
      going[i]->error = done ? outcome_code((*done)[i]) : error_code(done.error());
    }
    co_await forget_offsets(request);
  }
  delete_topics_response answer;
  CO_TRY(answer.responses, request.memory.make_array<delete_topics_response_deletable_topic_result>(all.size()));
  for (size_t i = 0; i < all.size(); ++i) {
    answer.responses[i].name = all[i].name;
    answer.responses[i].topic_id = all[i].id;
    answer.responses[i].error_code = all[i].error;
  }
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
