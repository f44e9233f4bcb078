#include "millrace/admin.hh"

#include <algorithm>
#include <set>

#include "client/call.hh"
#include "client/connection.hh"
#include "client/kafka_code.hh"
#include "wire/kafka/messages/create_topics.hh"
#include "wire/kafka/messages/delete_topics.hh"
#include "wire/kafka/messages/list_offsets.hh"

namespace millrace::client {

using base::result;
using reactor::task;
using namespace wire::kafka;

task<result<void>> admin::create_topic(new_topic topic) {
  CO_TRY(connection * link, co_await client_.any());
  std::vector<create_topics_request_creatable_topic_config> configs;
  for (const auto& [key, value] : topic.configs) configs.push_back({.name = key, .value = std::string_view(value)});
  create_topics_request_creatable_topic one{.name = topic.name,
                                            .num_partitions = topic.partitions,
                                            .replication_factor = topic.replication,
                                            .assignments = {},
                                            .configs = {configs.data(), configs.size()}};
  create_topics_request request;
  request.topics = {&one, 1};
  request.timeout_ms = static_cast<int32_t>(client_.options().request_timeout.ms());
  CO_TRY(const auto got, (co_await call<create_topics_response, create_topics_request>(link, &request)));
  if (got.body.topics.size() != 1) co_return base::fail(base::errc::malformed);
  message_ = got.body.topics[0].error_message.value_or("");
  const int16_t code = got.body.topics[0].error_code;
  if (code != code::none) co_return base::fail(base::errc::refused, code);
  co_return co_await client_.refresh(topic.name);
}

task<result<void>> admin::delete_topic(std::string name) {
  CO_TRY(connection * link, co_await client_.any());
  std::string_view text = name;
  delete_topics_request_topic_state state{.name = text, .topic_id = {}};
  delete_topics_request request;
  request.topics = {&state, 1};
  request.topic_names = {&text, 1};
  request.timeout_ms = static_cast<int32_t>(client_.options().request_timeout.ms());
  CO_TRY(const auto got, (co_await call<delete_topics_response, delete_topics_request>(link, &request)));
  if (got.body.responses.size() != 1) co_return base::fail(base::errc::malformed);
  message_ = got.body.responses[0].error_message.value_or("");
  const int16_t code = got.body.responses[0].error_code;
  if (code != code::none) co_return base::fail(base::errc::refused, code);
  co_return result<void>();
}

task<result<std::vector<int64_t>>> admin::list_offsets(std::string topic, int64_t time) {
  CO_TRY(const topic_metadata* known, co_await client_.topic(topic));
  std::vector<int64_t> offsets(known->partitions.size(), -1);
  std::set<int32_t> nodes;
  for (const partition_metadata& p : known->partitions) nodes.insert(p.leader);
  for (const int32_t node : nodes) {
    result<void> listed = co_await list_of_node(&topic, node, time, &offsets);
    // That a connection has ended may show only when it is used.
    if (!listed && connection_broke(listed.error())) listed = co_await list_of_node(&topic, node, time, &offsets);
    if (!listed) co_return listed.failure();
  }
  co_return offsets;
}

/// Of the partitions that `node` leads.
task<result<void>> admin::list_of_node(const std::string* topic, int32_t node, int64_t time, std::vector<int64_t>* offsets) {
  CO_TRY(connection * link, co_await client_.to(node));
  const topic_metadata* known = client_.known(*topic);
  std::vector<list_offsets_request_partition> partitions;
  for (size_t i = 0; i < known->partitions.size(); ++i) {
    if (known->partitions[i].leader != node) continue;
    partitions.push_back({.partition_index = static_cast<int32_t>(i), .timestamp = time});
  }
  list_offsets_request_topic one{.name = *topic, .partitions = {partitions.data(), partitions.size()}};
  list_offsets_request request;
  request.replica_id = -1;
  request.topics = {&one, 1};
  CO_TRY(const auto got, (co_await call<list_offsets_response, list_offsets_request>(link, &request, 7)));
  for (const auto& t : got.body.topics) {
    for (const auto& p : t.partitions) {
      if (p.error_code != code::none) co_return base::fail(base::errc::refused, p.error_code);
      const auto index = static_cast<size_t>(p.partition_index);
      if (p.partition_index < 0 || index >= offsets->size()) co_return base::fail(base::errc::malformed);
      (*offsets)[index] = p.offset;
    }
  }
  co_return result<void>();
}

}  // namespace millrace::client
