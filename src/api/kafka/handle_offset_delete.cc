#include "api/kafka/errors.hh"
#include "api/kafka/group_calls.hh"
#include "api/kafka/handlers.hh"
#include "wire/kafka/messages/offset_delete.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::offset_delete_request;
using wire::kafka::offset_delete_response;
using wire::kafka::offset_delete_response_partition;
using wire::kafka::offset_delete_response_topic;

constexpr int16_t group_subscribed_to_topic = 86;

/// The answer with what the catalog says of each partition; those that it knows are added to `keys`.
base::result<void> check_all(request_context& request, const offset_delete_request& asked, offset_delete_response& answer,
                             std::vector<broker::offset_key>& keys,
                             std::vector<offset_delete_response_partition*>& waiting) {
  TRY(answer.topics, request.memory.make_array<offset_delete_response_topic>(asked.topics.size()));
  for (size_t t = 0; t < asked.topics.size(); ++t) {
    const auto& topic = asked.topics[t];
    answer.topics[t].name = topic.name;
    TRY(auto partitions, request.memory.make_array<offset_delete_response_partition>(topic.partitions.size()));
    answer.topics[t].partitions = partitions;
    const broker::topic_info* const known = request.door.topics().find(topic.name);
    for (size_t i = 0; i < partitions.size(); ++i) {
      const int32_t p = partitions[i].partition_index = topic.partitions[i].partition_index;
      if (known == nullptr || p < 0 || static_cast<size_t>(p) >= known->partitions.size()) {
        partitions[i].error_code = code::unknown_topic_or_partition;
        continue;
      }
      keys.push_back({std::string(topic.name), p});
      waiting.push_back(&partitions[i]);
    }
  }
  return {};
}

}  // namespace

/// KIP-496.
handled handle_offset_delete(request_context& request) {
  CO_TRY(const offset_delete_request asked,
         wire::kafka::decode<offset_delete_request>(request.body, request.version, request.memory));
  offset_delete_response answer;
  std::vector<broker::offset_key> keys;
  std::vector<offset_delete_response_partition*> waiting;
  CO_TRY_CHECK(check_all(request, asked, answer, keys, waiting));
  broker::deleted_offsets got{.error = broker::group_error::not_coordinator, .subscribed = {}};
  if (const auto owner = coordinator_of(request.door, asked.group_id)) {
    auto ask = [group = std::string(asked.group_id), keys = std::move(keys)](broker::group_coordinator& there) mutable {
      return there.delete_offsets(std::move(group), std::move(keys));
    };
    auto done = co_await task_coordinator(request.door, *owner, std::move(ask));
    if (done) got = std::move(*done);
  }
  answer.error_code = error_code(got.error);
  if (got.error != broker::group_error::none) {
    answer.topics = {};
  } else {
    for (size_t i = 0; i < waiting.size(); ++i) {
      waiting[i]->error_code = got.subscribed[i] ? group_subscribed_to_topic : code::none;
    }
  }
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
