#include "api/kafka/errors.hh"
#include "api/kafka/group_calls.hh"
#include "api/kafka/handlers.hh"
#include "wire/kafka/messages/offset_fetch.hh"

namespace millrace::api::kafka {
namespace {

using broker::fetched_offset;
using broker::fetched_offsets;
using broker::offset_key;
using wire::kafka::offset_fetch_request;
using wire::kafka::offset_fetch_request_group;
using wire::kafka::offset_fetch_response;
using wire::kafka::offset_fetch_response_group;
using wire::kafka::offset_fetch_response_partition;
using wire::kafka::offset_fetch_response_partitions;
using wire::kafka::offset_fetch_response_topic;
using wire::kafka::offset_fetch_response_topics;

/// From these versions on: an error of the whole; several groups; topics by id.
constexpr int16_t group_error_since = 2;
constexpr int16_t many_groups_since = 8;
constexpr int16_t topic_ids_since = 10;

/// What is asked of one group, whatever the version, and what it has.
struct group_question {
  std::string_view group;
  bool all = false;
  std::vector<offset_key> keys;  ///< of one topic together, in the order of the request
  fetched_offsets got;
};

template <class Partition>
void show(const fetched_offset& from, Partition& out) {
  out.partition_index = from.key.partition;
  out.committed_offset = from.commit ? from.commit->offset.value() : -1;
  out.committed_leader_epoch = from.commit ? from.commit->leader_epoch.value() : -1;
  out.metadata = from.commit ? std::string_view(from.commit->metadata) : std::string_view();
}

reactor::task<void> ask(request_context& request, group_question* q) {
  const auto owner = coordinator_of(request.door, q->group);
  if (!owner) {
    q->got.error = broker::group_error::not_coordinator;
    co_return;
  }
  const group_question* const what = q;
  auto work = [what](broker::group_coordinator& there) {
    return there.fetch(what->group, what->all ? nullptr : &what->keys);
  };
  q->got = co_await ask_coordinator(request.door, *owner, std::move(work));
}

/// How many of the offsets from `at` on are of one topic.
size_t run_of(const std::vector<fetched_offset>& offsets, size_t at) {
  size_t end = at;
  while (end < offsets.size() && offsets[end].key.topic == offsets[at].key.topic) ++end;
  return end - at;
}

/// f(topic of the answer, first offset, count) for each topic; the answer's topics are made here.
template <class Topic, class F>
base::result<wire::kafka::array<Topic>> make_topics(request_context& request, const std::vector<fetched_offset>& offsets,
                                                    F&& f) {
  size_t count = 0;
  for (size_t at = 0; at < offsets.size(); at += run_of(offsets, at)) ++count;
  TRY(auto topics, request.memory.make_array<Topic>(count));
  size_t next = 0;
  for (size_t at = 0; at < offsets.size(); at += run_of(offsets, at)) {
    TRY_CHECK(f(topics[next++], at, run_of(offsets, at)));
  }
  return topics;
}

// ---- versions 1 to 7: one group

void take_keys(const offset_fetch_request& asked, group_question& q) {
  q.group = asked.group_id;
  q.all = !asked.topics;
  if (q.all) return;
  for (const auto& t : *asked.topics) {
    for (const int32_t p : t.partition_indexes) q.keys.push_back({std::string(t.name), p});
  }
}

base::result<void> answer_one(request_context& request, group_question& q, offset_fetch_response& answer) {
  const int16_t error = error_code(q.got.error);
  if (request.version >= group_error_since) {
    answer.error_code = error;
  } else if (error != code::none) {
    for (const offset_key& key : q.keys) q.got.offsets.push_back({key, std::nullopt});
  }
  TRY(answer.topics, make_topics<offset_fetch_response_topic>(
                         request, q.got.offsets, [&](offset_fetch_response_topic& out, size_t at, size_t count) {
                           out.name = q.got.offsets[at].key.topic;
                           auto made = request.memory.make_array<offset_fetch_response_partition>(count);
                           if (!made) return base::result<void>(made.failure());
                           for (size_t i = 0; i < count; ++i) {
                             show(q.got.offsets[at + i], (*made)[i]);
                             if (request.version < group_error_since) (*made)[i].error_code = error;
                           }
                           out.partitions = *made;
                           return base::result<void>();
                         }));
  return {};
}

// ---- from version 8 on: several

/// Of topics by their ids: those that there are. What is asked of others is answered without a look at the group.
void take_keys(request_context& request, const offset_fetch_request_group& asked, group_question& q) {
  q.group = asked.group_id;
  q.all = !asked.topics;
  if (q.all) return;
  for (const auto& t : *asked.topics) {
    std::string_view name = t.name;
    if (request.version >= topic_ids_since) {
      const broker::topic_info* const known = request.door.topics().find(t.topic_id);
      if (known == nullptr) continue;
      name = known->kafka_name;
    }
    for (const int32_t p : t.partition_indexes) q.keys.push_back({std::string(name), p});
  }
}

base::result<void> add_unknown(request_context& request, const offset_fetch_request_group& asked,
                               std::vector<offset_fetch_response_topics>& out) {
  if (request.version < topic_ids_since || !asked.topics) return {};
  for (const auto& t : *asked.topics) {
    if (request.door.topics().find(t.topic_id) != nullptr) continue;
    offset_fetch_response_topics& topic = out.emplace_back();
    topic.topic_id = t.topic_id;
    TRY(topic.partitions, request.memory.make_array<offset_fetch_response_partitions>(t.partition_indexes.size()));
    for (size_t i = 0; i < topic.partitions.size(); ++i) {
      topic.partitions[i].partition_index = t.partition_indexes[i];
      topic.partitions[i].committed_offset = -1;
      topic.partitions[i].metadata = std::string_view();
      topic.partitions[i].error_code = error_code(base::errc::unknown_topic_id);
    }
  }
  return {};
}

base::result<void> answer_many(request_context& request, const offset_fetch_request_group& asked, const group_question& q,
                               offset_fetch_response_group& out) {
  out.group_id = asked.group_id;
  out.error_code = error_code(q.got.error);
  if (out.error_code != code::none) return {};
  std::vector<offset_fetch_response_topics> topics;
  const auto& offsets = q.got.offsets;
  for (size_t at = 0; at < offsets.size(); at += run_of(offsets, at)) {
    const size_t count = run_of(offsets, at);
    base::uuid id;
    if (request.version >= topic_ids_since) {
      // Of one that has been deleted meanwhile there is no id to say.
      const broker::topic_info* const known = request.door.topics().find(offsets[at].key.topic);
      if (known == nullptr) continue;
      id = known->id;
    }
    offset_fetch_response_topics& topic = topics.emplace_back();
    topic.name = offsets[at].key.topic;
    topic.topic_id = id;
    TRY(topic.partitions, request.memory.make_array<offset_fetch_response_partitions>(count));
    for (size_t i = 0; i < count; ++i) show(offsets[at + i], topic.partitions[i]);
  }
  TRY_CHECK(add_unknown(request, asked, topics));
  TRY(out.topics, request.memory.make_array<offset_fetch_response_topics>(topics.size()));
  std::ranges::copy(topics, out.topics.begin());
  return {};
}

}  // namespace

handled handle_offset_fetch(request_context& request) {
  CO_TRY(const offset_fetch_request asked,
         wire::kafka::decode<offset_fetch_request>(request.body, request.version, request.memory));
  offset_fetch_response answer;
  std::vector<group_question> questions(request.version < many_groups_since ? 1 : asked.groups.size());
  if (request.version < many_groups_since) {
    take_keys(asked, questions.front());
    co_await ask(request, &questions.front());
    CO_TRY_CHECK(answer_one(request, questions.front(), answer));
    request.respond(answer);
    co_return base::result<void>();
  }
  CO_TRY(answer.groups, request.memory.make_array<offset_fetch_response_group>(asked.groups.size()));
  for (size_t i = 0; i < questions.size(); ++i) {
    take_keys(request, asked.groups[i], questions[i]);
    co_await ask(request, &questions[i]);
    CO_TRY_CHECK(answer_many(request, asked.groups[i], questions[i], answer.groups[i]));
  }
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
