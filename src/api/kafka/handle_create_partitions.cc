#include <map>

#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/handlers.hh"
#include "wire/kafka/messages/create_partitions.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::create_partitions_request;
using wire::kafka::create_partitions_request_topic;
using wire::kafka::create_partitions_response;
using wire::kafka::create_partitions_response_topic_result;

broker::partition_growth growth_from(const create_partitions_request_topic& asked) {
  broker::partition_growth g{.topic = std::string(asked.name), .total = asked.count, .assignment = std::nullopt};
  if (asked.assignments) {
    g.assignment.emplace();
    for (const auto& a : *asked.assignments) g.assignment->emplace_back(a.broker_ids.begin(), a.broker_ids.end());
  }
  return g;
}

}  // namespace

handled handle_create_partitions(request_context& request) {
  CO_TRY(const create_partitions_request asked,
         wire::kafka::decode<create_partitions_request>(request.body, request.version, request.memory));
  // A topic that comes twice gets one answer, and stays as it is.
  std::map<std::string_view, size_t> times;
  for (const auto& t : asked.topics) ++times[t.name];
  std::vector<broker::partition_growth> wanted;
  for (const auto& t : asked.topics) {
    if (times[t.name] == 1) wanted.push_back(growth_from(t));
  }
  broker::admin_outcomes outcomes(wanted.size());
  if (!wanted.empty()) {
    auto done =
        co_await request.door.controller().create_partitions(request.door.on(), std::move(wanted), asked.validate_only);
    if (done) {
      outcomes = std::move(*done);
    } else {
      for (auto& o : outcomes) o.refuse(done.error());
    }
  }
  create_partitions_response answer;
  CO_TRY(answer.results, request.memory.make_array<create_partitions_response_topic_result>(times.size()));
  size_t at = 0;
  size_t next = 0;
  for (const auto& t : asked.topics) {
    size_t& count = times[t.name];
    if (count == 0) continue;  // answered already
    auto& out = answer.results[at++];
    out.name = t.name;
    if (count > 1) {
      out.error_code = code::invalid_request;
      out.error_message = "Duplicate topic name.";
    } else {
      const broker::admin_outcome& outcome = outcomes[next++];
      if (outcome.error) out.error_code = error_code(*outcome.error);
      if (!outcome.why.empty()) {
        CO_TRY(out.error_message, request.memory.copy(outcome.why));
      }
    }
    count = 0;
  }
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
