#include <algorithm>
#include <map>
#include <unordered_set>

#include "api/kafka/advertised_brokers.hh"
#include "api/kafka/authorized_operations.hh"
#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/handlers.hh"
#include "broker/catalog/names.hh"
#include "wire/kafka/messages/metadata.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::array;
using wire::kafka::metadata_request;
using wire::kafka::metadata_request_topic;
using wire::kafka::metadata_response;
using wire::kafka::metadata_response_broker;
using wire::kafka::metadata_response_partition;
using wire::kafka::metadata_response_topic;

/// From this version on null asks for all topics and empty for none; before, empty asks for all.
constexpr int16_t null_is_all_since = 1;

/// From this version on topics may be asked for by id, with a null name.
constexpr int16_t topic_ids_since = 12;

/// The topics asked for, each once, in order: by id where that is not zero.
std::vector<metadata_request_topic> topics_asked(const metadata_request& asked) {
  std::vector<metadata_request_topic> topics;
  std::unordered_set<std::string_view> names;
  std::unordered_set<base::uuid> ids;
  for (const metadata_request_topic& topic : *asked.topics) {
    const bool is_new = topic.topic_id.is_zero() ? names.insert(topic.name.value_or(std::string_view())).second
                                                 : ids.insert(topic.topic_id).second;
    if (is_new) topics.push_back(topic);
  }
  return topics;
}

/// What a topic's making that failed answers: what is tried again finds the broker in a better
/// state.
int16_t creation_code(base::error why) {
  switch (why.code) {
    case base::errc::topic_exists:
      return code::none;
    case base::errc::invalid_topic:  // it collides: Kafka says that there is no such topic
      return code::unknown_topic_or_partition;
    case base::errc::policy_violation:
    case base::errc::invalid_replication_factor:
      return error_code(why);
    default:
      return code::leader_not_available;
  }
}

using creation_codes = std::map<std::string, int16_t, std::less<>>;

/// Makes the topics that are not there; what could not be made is in the answer.
reactor::task<creation_codes> create_missing(request_context& request, std::vector<broker::new_topic> missing) {
  creation_codes codes;
  std::vector<std::string> names;
  names.reserve(missing.size());
  for (const auto& t : missing) names.push_back(t.name);
  auto made = co_await request.door.controller().create_topics(request.door.on(), std::move(missing), false);
  for (size_t i = 0; i < names.size(); ++i) {
    const std::optional<base::error> why = made ? (*made)[i].error : made.error();
    if (why) codes[names[i]] = creation_code(*why);
  }
  co_return codes;
}

class answer_builder {
 public:
  answer_builder(request_context& request, const metadata_request& asked)
      : request_(request), asked_(asked), memory_(request.memory) {}

  /// Lists of one broker serve for all replicas of all partitions.
  base::result<void> begin() {
    const std::vector<advertised_broker> brokers = advertised_brokers(request_);
    TRY(ids_, memory_.make_array<int32_t>(brokers.size()));
    TRY(answer.brokers, memory_.make_array<metadata_response_broker>(brokers.size()));
    for (size_t i = 0; i < brokers.size(); ++i) {
      ids_[i] = brokers[i].id;
      metadata_response_broker& one = answer.brokers[i];
      one.node_id = brokers[i].id;
      one.host = brokers[i].host;
      one.port = brokers[i].port;
      if (!settings().rack.empty()) one.rack = settings().rack;
    }
    answer.cluster_id = request_.door.topics().cluster_id;
    answer.controller_id = broker_id_of(request_, controller_core);
    if (asked_.include_cluster_authorized_operations) answer.cluster_authorized_operations = cluster_operations;
    return {};
  }

  base::result<void> describe(const broker::topic_info& topic, metadata_response_topic& out) {
    out.name = topic.kafka_name;
    out.topic_id = topic.id;
    out.is_internal = topic.internal;
    if (asked_.include_topic_authorized_operations) out.topic_authorized_operations = topic_operations;
    TRY(out.partitions, memory_.make_array<metadata_response_partition>(topic.partitions.size()));
    for (size_t i = 0; i < topic.partitions.size(); ++i) {
      metadata_response_partition& p = out.partitions[i];
      p.partition_index = static_cast<int32_t>(i);
      const size_t leader = ids_.size() == 1 ? 0 : topic.partitions[i].owner.value();
      p.leader_id = ids_[leader];
      p.leader_epoch = request_.door.broker().epoch().value();
      p.replica_nodes = p.isr_nodes = ids_.subspan(leader, 1);
    }
    return {};
  }

  metadata_response answer;

 private:
  const broker::broker_settings& settings() const { return request_.door.controller().settings(); }
  request_context& request_;
  const metadata_request& asked_;
  wire::kafka::arena& memory_;
  array<int32_t> ids_;  ///< of the brokers, by core
};

base::result<void> answer_all(request_context& request, const metadata_request& asked) {
  answer_builder build(request, asked);
  TRY_CHECK(build.begin());
  const auto& topics = request.door.topics().topics;
  TRY(build.answer.topics, request.memory.make_array<metadata_response_topic>(topics.size()));
  for (size_t i = 0; i < topics.size(); ++i) {
    TRY_CHECK(build.describe(*topics[i], build.answer.topics[i]));
  }
  request.respond(build.answer);
  return {};
}

/// What refuses the whole request, as Kafka does it: ids and null names before there are such, later neither id nor name.
int16_t request_problem(request_context& request, const metadata_request& asked) {
  for (const metadata_request_topic& topic : *asked.topics) {
    const bool has_id = !topic.topic_id.is_zero();
    if (request.version < topic_ids_since && (has_id || !topic.name)) return code::invalid_request;
    if (!has_id && !topic.name) return code::unknown_server_error;
  }
  return code::none;
}

/// The answer to such a request: nothing but the topics as they were asked for.
base::result<void> refuse(request_context& request, const std::vector<metadata_request_topic>& topics, int16_t error) {
  metadata_response answer;
  answer.error_code = error;
  TRY(answer.topics, request.memory.make_array<metadata_response_topic>(topics.size()));
  for (size_t i = 0; i < topics.size(); ++i) {
    answer.topics[i].name = topics[i].name.value_or(std::string_view());
    answer.topics[i].topic_id = topics[i].topic_id;
    answer.topics[i].error_code = error;
  }
  request.respond(answer);
  return {};
}

/// Why a topic that is not there is not.
int16_t absence_code(const metadata_request_topic& asked, const creation_codes& failed) {
  const std::string_view name = asked.name.value_or(std::string_view());
  if (!asked.topic_id.is_zero()) return error_code(base::errc::unknown_topic_id);
  if (broker::topic_name_problem(name) != nullptr) return code::invalid_topic;
  const auto why = failed.find(name);
  return why != failed.end() && why->second != 0 ? why->second : code::unknown_topic_or_partition;
}

const broker::topic_info* find_topic(request_context& request, const metadata_request_topic& asked) {
  if (asked.topic_id.is_zero()) return request.door.topics().find(asked.name.value_or(std::string_view()));
  return request.door.topics().find(asked.topic_id);
}

base::result<void> answer_named(request_context& request, const metadata_request& asked,
                                const std::vector<metadata_request_topic>& topics, const creation_codes& failed) {
  answer_builder build(request, asked);
  TRY_CHECK(build.begin());
  TRY(build.answer.topics, request.memory.make_array<metadata_response_topic>(topics.size()));
  for (size_t i = 0; i < topics.size(); ++i) {
    metadata_response_topic& out = build.answer.topics[i];
    if (const broker::topic_info* topic = find_topic(request, topics[i])) {
      TRY_CHECK(build.describe(*topic, out));
      continue;
    }
    out.name = topics[i].name;
    out.topic_id = topics[i].topic_id;
    out.error_code = absence_code(topics[i], failed);
  }
  request.respond(build.answer);
  return {};
}

}  // namespace

handled handle_metadata(request_context& request) {
  CO_TRY(const metadata_request asked, wire::kafka::decode<metadata_request>(request.body, request.version, request.memory));
  const bool all = !asked.topics || (request.version < null_is_all_since && asked.topics->empty());
  if (all) co_return answer_all(request, asked);

  const std::vector<metadata_request_topic> topics = topics_asked(asked);
  if (const int16_t problem = request_problem(request, asked)) co_return refuse(request, topics, problem);
  std::vector<broker::new_topic> missing;
  if (asked.allow_auto_topic_creation && request.door.options().auto_create_topics) {
    for (const metadata_request_topic& topic : topics) {
      const std::string_view name = topic.name.value_or(std::string_view());
      if (!topic.topic_id.is_zero() || broker::topic_name_problem(name) != nullptr ||
          request.door.topics().find(name) != nullptr)
        continue;
      missing.push_back({.name = std::string(name), .assignment = {}, .configs = {}});
    }
  }
  creation_codes failed;
  if (!missing.empty()) failed = co_await create_missing(request, std::move(missing));
  co_return answer_named(request, asked, topics, failed);
}

}  // namespace millrace::api::kafka
