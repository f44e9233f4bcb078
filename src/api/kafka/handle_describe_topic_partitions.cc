#include <algorithm>
#include <map>

#include "api/kafka/advertised_brokers.hh"
#include "api/kafka/authorized_operations.hh"
#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/handlers.hh"
#include "broker/catalog/names.hh"
#include "wire/kafka/messages/describe_topic_partitions.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::array;
using wire::kafka::describe_topic_partitions_request;
using wire::kafka::describe_topic_partitions_response;
using wire::kafka::describe_topic_partitions_response_cursor;
using wire::kafka::describe_topic_partitions_response_partition;
using wire::kafka::describe_topic_partitions_response_topic;

/// max.request.partition.size.limit: Kafka's default, which bounds what a client may ask for at a time.
constexpr int32_t partitions_most = 2000;

/// What is asked for, by name; null where there is none of that name.
using wanted_topics = std::map<std::string_view, const broker::topic_info*>;

/// The topics asked for, or all, from the cursor's on.
wanted_topics topics_asked(request_context& request, const describe_topic_partitions_request& asked) {
  wanted_topics wanted;
  const broker::snapshot& topics = request.door.topics();
  if (asked.topics.empty()) {
    for (const broker::topic_info* t : topics.topics) wanted.emplace(t->kafka_name, t);
  } else {
    for (const auto& t : asked.topics) wanted.emplace(t.name, topics.find(t.name));
  }
  if (asked.cursor) wanted.erase(wanted.begin(), wanted.lower_bound(asked.cursor->topic_name));
  return wanted;
}

class answer_builder {
 public:
  explicit answer_builder(request_context& request) : request_(request) {}

  base::result<void> begin(size_t topics) {
    const std::vector<advertised_broker> brokers = advertised_brokers(request_);
    TRY(ids_, request_.memory.make_array<int32_t>(brokers.size()));
    for (size_t i = 0; i < brokers.size(); ++i) ids_[i] = brokers[i].id;
    TRY(answer.topics, request_.memory.make_array<describe_topic_partitions_response_topic>(topics));
    return {};
  }
  /// At most `most` partitions from `first` on.
  base::result<void> describe(const broker::topic_info& topic, size_t first, size_t most,
                              describe_topic_partitions_response_topic& out) {
    out.name = topic.kafka_name;
    out.topic_id = topic.id;
    out.is_internal = topic.internal;
    out.topic_authorized_operations = topic_operations;
    const size_t count = first < topic.partitions.size() ? std::min(most, topic.partitions.size() - first) : 0;
    TRY(out.partitions, request_.memory.make_array<describe_topic_partitions_response_partition>(count));
    for (size_t i = 0; i < count; ++i) {
      describe_topic_partitions_response_partition& p = out.partitions[i];
      p.partition_index = static_cast<int32_t>(first + i);
      const size_t leader = ids_.size() == 1 ? 0 : topic.partitions[first + i].owner.value();
      p.leader_id = ids_[leader];
      p.leader_epoch = request_.door.broker().epoch().value();
      p.replica_nodes = p.isr_nodes = ids_.subspan(leader, 1);
      p.eligible_leader_replicas = array<int32_t>();
      p.last_known_elr = array<int32_t>();
    }
    return {};
  }

  describe_topic_partitions_response answer;

 private:
  request_context& request_;
  array<int32_t> ids_;  ///< of the brokers, by core
};

base::result<void> answer_from(request_context& request, const describe_topic_partitions_request& asked) {
  const wanted_topics wanted = topics_asked(request, asked);
  answer_builder build(request);
  TRY_CHECK(build.begin(wanted.size()));
  auto left = static_cast<size_t>(std::clamp(asked.response_partition_limit, 1, partitions_most));
  size_t described = 0;
  for (const auto& [name, topic] : wanted) {
    const bool at_cursor = asked.cursor && asked.cursor->topic_name == name;
    const size_t first = at_cursor ? static_cast<size_t>(asked.cursor->partition_index) : 0;
    if (left == 0) {
      build.answer.next_cursor = describe_topic_partitions_response_cursor{.topic_name = name, .partition_index = 0};
      break;
    }
    describe_topic_partitions_response_topic& out = build.answer.topics[described++];
    if (topic == nullptr) {
      out.name = name;
      out.error_code = broker::topic_name_problem(name) != nullptr ? code::invalid_topic : code::unknown_topic_or_partition;
      continue;
    }
    TRY_CHECK(build.describe(*topic, first, left, out));
    left -= out.partitions.size();
    const size_t next = first + out.partitions.size();
    if (next < topic->partitions.size()) {
      build.answer.next_cursor =
          describe_topic_partitions_response_cursor{.topic_name = name, .partition_index = static_cast<int32_t>(next)};
      break;
    }
  }
  build.answer.topics = build.answer.topics.first(described);
  request.respond(build.answer);
  return {};
}

}  // namespace

/// KIP-966: topics by name, a page at a time. Errors: a cursor below partition 0 closes the connection.
handled handle_describe_topic_partitions(request_context& request) {
  CO_TRY(const describe_topic_partitions_request asked,
         wire::kafka::decode<describe_topic_partitions_request>(request.body, request.version, request.memory));
  if (asked.cursor && asked.cursor->partition_index < 0) co_return base::fail(base::errc::malformed);
  co_return answer_from(request, asked);
}

}  // namespace millrace::api::kafka
