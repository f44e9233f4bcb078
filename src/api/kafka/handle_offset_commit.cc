#include "api/kafka/errors.hh"
#include "api/kafka/group_calls.hh"
#include "api/kafka/handlers.hh"
#include "wire/kafka/messages/offset_commit.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::offset_commit_request;
using wire::kafka::offset_commit_request_partition;
using wire::kafka::offset_commit_response;
using wire::kafka::offset_commit_response_partition;
using wire::kafka::offset_commit_response_topic;

/// From these versions on: topics by id; a group that is not there has its own code.
constexpr int16_t topic_ids_since = 10;
constexpr int16_t group_not_found_since = 9;
constexpr int16_t invalid_commit_offset_size = 28;

const broker::topic_info* find_topic(request_context& request, std::string_view name, const base::uuid& id) {
  const broker::snapshot& topics = request.door.topics();
  return request.version >= topic_ids_since ? topics.find(id) : topics.find(name);
}

/// What is wrong with a partition before its group is asked.
int16_t problem_of(request_context& request, const broker::topic_info* topic, const offset_commit_request_partition& p) {
  if (topic == nullptr) {
    return request.version >= topic_ids_since ? error_code(base::errc::unknown_topic_id) : code::unknown_topic_or_partition;
  }
  if (p.partition_index < 0 || static_cast<size_t>(p.partition_index) >= topic->partitions.size()) {
    return code::unknown_topic_or_partition;
  }
  const auto fits = broker::check_offset_metadata(p.committed_metadata.value_or(std::string_view()),
                                                  request.door.groups().options().offset_metadata_max);
  return fits ? code::none : error_code(fits.error());
}

broker::committed_offset commit_of(request_context& request, const offset_commit_request& asked,
                                   const broker::topic_info& topic, const offset_commit_request_partition& p) {
  const base::unix_ms now = request.door.on().wall_clock();
  broker::committed_offset commit{.offset = base::offset(p.committed_offset),
                                  .leader_epoch = base::leader_epoch(p.committed_leader_epoch),
                                  .metadata = std::string(p.committed_metadata.value_or(std::string_view())),
                                  .commit_timestamp = now,
                                  .topic_id = topic.id};
  base::unix_ms expires = 0;
  if (asked.retention_time_ms >= 0 && !__builtin_add_overflow(now, asked.retention_time_ms, &expires)) {
    commit.expire_timestamp = expires;
  }
  return commit;
}

/// The answer with what is known so far; what passed is added to `commits`, and its place to `waiting`.
base::result<void> check_all(request_context& request, const offset_commit_request& asked, offset_commit_response& answer,
                             std::vector<broker::new_commit>& commits,
                             std::vector<offset_commit_response_partition*>& waiting) {
  TRY(answer.topics, request.memory.make_array<offset_commit_response_topic>(asked.topics.size()));
  for (size_t t = 0; t < asked.topics.size(); ++t) {
    const auto& topic = asked.topics[t];
    answer.topics[t].name = topic.name;
    answer.topics[t].topic_id = topic.topic_id;
    TRY(auto partitions, request.memory.make_array<offset_commit_response_partition>(topic.partitions.size()));
    answer.topics[t].partitions = partitions;
    const broker::topic_info* const known = find_topic(request, topic.name, topic.topic_id);
    for (size_t i = 0; i < topic.partitions.size(); ++i) {
      const offset_commit_request_partition& p = topic.partitions[i];
      partitions[i].partition_index = p.partition_index;
      partitions[i].error_code = problem_of(request, known, p);
      if (partitions[i].error_code != code::none) continue;
      commits.push_back({known->kafka_name, p.partition_index, commit_of(request, asked, *known, p)});
      waiting.push_back(&partitions[i]);
    }
  }
  return {};
}

int16_t code_of(broker::group_error outcome, int16_t version) {
  if (outcome == broker::group_error::group_id_not_found && version < group_not_found_since) {
    return error_code(broker::group_error::illegal_generation);
  }
  if (outcome == broker::group_error::unknown_server_error) return invalid_commit_offset_size;
  return error_code(outcome);
}

}  // namespace

handled handle_offset_commit(request_context& request) {
  CO_TRY(const offset_commit_request asked,
         wire::kafka::decode<offset_commit_request>(request.body, request.version, request.memory));
  offset_commit_response answer;
  broker::commit_request wanted{.group = std::string(asked.group_id),
                                .from = {.member_id = std::string(asked.member_id),
                                         .instance_id = owned(asked.group_instance_id),
                                         .generation = asked.generation_id_or_member_epoch},
                                .commits = {}};
  std::vector<offset_commit_response_partition*> waiting;
  CO_TRY_CHECK(check_all(request, asked, answer, wanted.commits, waiting));
  broker::group_error outcome = broker::group_error::not_coordinator;
  const auto owner = coordinator_of(request.door, asked.group_id);
  if (owner && !waiting.empty()) {
    const broker::commit_request* const what = &wanted;
    auto ask = [what](broker::group_coordinator& there) { return there.commit(what); };
    const base::result<broker::group_error> got = co_await task_coordinator(request.door, *owner, std::move(ask));
    if (got) outcome = *got;
  }
  for (offset_commit_response_partition* p : waiting) p->error_code = code_of(outcome, request.version);
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
