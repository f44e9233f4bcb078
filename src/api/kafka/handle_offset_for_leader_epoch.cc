#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/handlers.hh"
#include "api/kafka/owner_calls.hh"
#include "wire/kafka/messages/offset_for_leader_epoch.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::offset_for_leader_epoch_request;
using wire::kafka::offset_for_leader_epoch_response;
using wire::kafka::offset_for_leader_epoch_response_epoch_end_offset;
using wire::kafka::offset_for_leader_epoch_response_topic_result;

struct epoch_question : partition_question {
  size_t topic = 0;  ///< of the answer
  size_t index = 0;  ///< within the topic
  base::leader_epoch current_epoch{-1};
  base::leader_epoch wanted{-1};
  broker::partition::epoch_end end;  ///< answered
};

reactor::task<base::result<void>> answer_there(broker::broker_core* there, std::vector<epoch_question*> questions) {
  for (epoch_question* q : questions) {
    const broker::partition* p = there->find(q->id);
    if (p == nullptr) {
      q->fail(base::errc::unknown_topic_or_partition);
      continue;
    }
    const auto current = p->check_epoch(q->current_epoch);
    if (!current) {
      q->fail(current.error());
    } else if (q->wanted.value() >= 0) {
      q->end = p->end_of_epoch(q->wanted);
    }
  }
  co_return base::result<void>();
}

/// The questions of a request and the answer with room for them, in order.
base::result<std::vector<epoch_question>> questions_of(request_context& request,
                                                       const offset_for_leader_epoch_request& asked,
                                                       offset_for_leader_epoch_response& answer) {
  std::vector<epoch_question> questions;
  TRY(answer.topics, request.memory.make_array<offset_for_leader_epoch_response_topic_result>(asked.topics.size()));
  for (size_t t = 0; t < asked.topics.size(); ++t) {
    const auto& topic = asked.topics[t];
    const broker::topic_info* known = request.door.topics().find(topic.topic);
    answer.topics[t].topic = topic.topic;
    TRY(answer.topics[t].partitions,
        request.memory.make_array<offset_for_leader_epoch_response_epoch_end_offset>(topic.partitions.size()));
    for (size_t i = 0; i < topic.partitions.size(); ++i) {
      const auto& p = topic.partitions[i];
      epoch_question q;
      q.topic = t;
      q.index = i;
      q.current_epoch = base::leader_epoch(p.current_leader_epoch);
      q.wanted = base::leader_epoch(p.leader_epoch);
      q.id.partition = p.partition;
      if (known == nullptr || p.partition < 0 || static_cast<size_t>(p.partition) >= known->partitions.size()) {
        q.fail(base::errc::unknown_topic_or_partition);
      } else {
        q.id = known->partitions[static_cast<size_t>(p.partition)].id;
        q.owner = known->partitions[static_cast<size_t>(p.partition)].owner;
      }
      questions.push_back(q);
    }
  }
  return questions;
}

}  // namespace

handled handle_offset_for_leader_epoch(request_context& request) {
  CO_TRY(const offset_for_leader_epoch_request asked,
         wire::kafka::decode<offset_for_leader_epoch_request>(request.body, request.version, request.memory));
  offset_for_leader_epoch_response answer;
  CO_TRY(std::vector<epoch_question> questions, questions_of(request, asked, answer));
  co_await ask_owners(request.door, questions, answer_there);
  for (const epoch_question& q : questions) {
    auto& out = answer.topics[q.topic].partitions[q.index];
    out.partition = q.id.partition;
    if (q.failed) {
      out.error_code = error_code(q.why);
      continue;
    }
    out.leader_epoch = q.end.epoch.value();
    out.end_offset = q.end.end.value();
  }
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
