#include <map>

#include "api/kafka/config_entries.hh"
#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/handlers.hh"
#include "reactor/wait.hh"
#include "wire/kafka/messages/create_topics.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::create_topics_request;
using wire::kafka::create_topics_request_creatable_topic;
using wire::kafka::create_topics_response;
using wire::kafka::create_topics_response_creatable_topic_configs;
using wire::kafka::create_topics_response_creatable_topic_result;

/// Topics described in the answer before others may run.
constexpr size_t topics_a_turn = 32;

broker::new_topic new_topic_from(const create_topics_request_creatable_topic& asked) {
  broker::new_topic t{.name = std::string(asked.name),
                      .partitions = asked.num_partitions,
                      .replication_factor = asked.replication_factor,
                      .assignment = {},
                      .configs = {}};
  for (const auto& a : asked.assignments) {
    t.assignment.emplace_back(a.partition_index, broker::replica_list(a.broker_ids.begin(), a.broker_ids.end()));
  }
  for (const auto& c : asked.configs) {
    t.configs.emplace_back(std::string(c.name), c.value ? std::optional<std::string>(*c.value) : std::nullopt);
  }
  return t;
}

base::result<void> describe(request_context& request, const broker::admin_outcome& outcome,
                            create_topics_response_creatable_topic_result& out) {
  out.configs = wire::kafka::array<create_topics_response_creatable_topic_configs>();
  if (outcome.error) {
    out.error_code = error_code(*outcome.error);
    if (outcome.why.empty()) return {};
    TRY(out.error_message, request.memory.copy(outcome.why));
    return {};
  }
  out.topic_id = outcome.topic_id;
  out.num_partitions = outcome.partitions;
  out.replication_factor = outcome.replication_factor;
  const auto entries = describe_topic(outcome.overrides, request.door.controller().settings());
  TRY(auto configs, request.memory.make_array<create_topics_response_creatable_topic_configs>(entries.size()));
  for (size_t i = 0; i < entries.size(); ++i) {
    configs[i].name = entries[i].name;
    configs[i].config_source = static_cast<int8_t>(entries[i].source);
    TRY(configs[i].value, request.memory.copy(entries[i].value));
  }
  out.configs = configs;
  return {};
}

}  // namespace

handled handle_create_topics(request_context& request) {
  CO_TRY(const create_topics_request asked,
         wire::kafka::decode<create_topics_request>(request.body, request.version, request.memory));
  // A name that comes twice gets one answer, and is not made.
  std::map<std::string_view, size_t> times;
  for (const auto& t : asked.topics) ++times[t.name];
  std::vector<broker::new_topic> wanted;
  for (const auto& t : asked.topics) {
    if (times[t.name] == 1) wanted.push_back(new_topic_from(t));
  }
  broker::admin_outcomes outcomes(wanted.size());
  if (!wanted.empty()) {
    auto done = co_await request.door.controller().create_topics(request.door.on(), std::move(wanted), asked.validate_only);
    if (done) {
      outcomes = std::move(*done);
    } else {
      for (auto& o : outcomes) o.refuse(done.error());
    }
  }
  create_topics_response answer;
  CO_TRY(answer.topics, request.memory.make_array<create_topics_response_creatable_topic_result>(times.size()));
  size_t at = 0;
  size_t next = 0;
  for (const auto& t : asked.topics) {
    size_t& count = times[t.name];
    if (count == 0) continue;  // answered already
    if (at % topics_a_turn == topics_a_turn - 1) co_await reactor::next_turn(request.door.on());
    auto& out = answer.topics[at++];
    out.name = t.name;
    broker::admin_outcome twice;
    if (count > 1) twice.refuse(base::errc::invalid_argument, "Duplicate topic name.");
    const broker::admin_outcome& outcome = count > 1 ? twice : outcomes[next++];
    CO_TRY_CHECK(describe(request, outcome, out));
    count = 0;
  }
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
