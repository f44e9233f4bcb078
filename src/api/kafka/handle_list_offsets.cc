#include <map>

#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/handlers.hh"
#include "api/kafka/owner_calls.hh"
#include "wire/kafka/messages/list_offsets.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::list_offsets_request;
using wire::kafka::list_offsets_response;
using wire::kafka::list_offsets_response_partition;
using wire::kafka::list_offsets_response_topic;

// Timestamps that ask for something else than a time (KIP-734 for the third); the last three are about tiered storage, which
// there is not (KIP-405, KIP-1005, KIP-1023).
constexpr int64_t latest = -1;
constexpr int64_t earliest = -2;
constexpr int64_t max_timestamp = -3;
constexpr int64_t earliest_local = -4;
constexpr int64_t latest_tiered = -5;
constexpr int64_t earliest_pending_upload = -6;

bool is_known(int64_t timestamp, int16_t version) {
  switch (timestamp) {
    case latest:
    case earliest:
      return true;
    case max_timestamp:
      return version >= 7;
    case earliest_local:
      return version >= 8;
    case latest_tiered:
      return version >= 9;
    case earliest_pending_upload:
      return version >= 11;
    default:
      return timestamp >= 0;
  }
}

struct offset_question : partition_question {
  size_t topic = 0;  ///< of the answer
  size_t index = 0;  ///< within the topic
  int64_t timestamp = latest;
  base::leader_epoch current_epoch{-1};
  // Answered.
  base::unix_ms found_timestamp = -1;
  base::offset found{-1};
  base::leader_epoch epoch{-1};
};

/// The epoch under which an offset was appended; `otherwise` where nothing was appended yet.
base::leader_epoch epoch_at(const storage::log& log, base::offset o, base::leader_epoch otherwise) {
  base::leader_epoch found = otherwise;
  for (const storage::epoch_start& e : log.epochs()) {
    if (e.first > o) break;
    found = e.epoch;
  }
  return found;
}

reactor::task<void> search(broker::broker_core* there, offset_question* q) {
  const storage::log_id id = q->id;
  auto& reader = there->logs().reader();
  base::result<storage::timestamp_and_offset> at = storage::timestamp_and_offset{};
  if (q->timestamp == max_timestamp) {
    at = co_await reader.find_max_timestamp(id);
  } else {
    at = co_await reader.find_timestamp(id, q->timestamp);
  }
  if (!at) {
    q->fail(at.error());
    co_return;
  }
  broker::partition* p = there->find(id);
  if (p == nullptr || at->offset.value() < 0) co_return;
  q->found = at->offset;
  q->found_timestamp = at->timestamp;
  q->epoch = epoch_at(p->log(), q->found, p->epoch());
}

reactor::task<base::result<void>> answer_there(broker::broker_core* there, std::vector<offset_question*> questions) {
  for (offset_question* q : questions) {
    broker::partition* p = there->find(q->id);
    if (p == nullptr) {
      q->fail(base::errc::unknown_topic_or_partition);
      continue;
    }
    const auto current = p->check_epoch(q->current_epoch);
    if (!current) {
      q->fail(current.error());
    } else if (q->timestamp == latest) {
      q->found = p->high_watermark();
      q->epoch = p->epoch();
    } else if (q->timestamp == latest_tiered || q->timestamp == earliest_pending_upload) {
      continue;  // there is none
    } else if (q->timestamp == earliest || q->timestamp == earliest_local) {
      q->found = p->log().log_start();
      q->epoch = epoch_at(p->log(), q->found, p->epoch());
    } else {
      co_await search(there, q);
    }
  }
  co_return base::result<void>();
}

/// The questions of a request, each partition of a topic once, and the answer with room for them.
base::result<std::vector<offset_question>> questions_of(request_context& request, const list_offsets_request& asked,
                                                        list_offsets_response& answer) {
  std::vector<offset_question> questions;
  TRY(answer.topics, request.memory.make_array<list_offsets_response_topic>(asked.topics.size()));
  for (size_t t = 0; t < asked.topics.size(); ++t) {
    const auto& topic = asked.topics[t];
    const broker::topic_info* known = request.door.topics().find(topic.name);
    std::map<int32_t, size_t> seen;
    const size_t first = questions.size();
    for (const auto& p : topic.partitions) {
      const auto [at, is_new] = seen.emplace(p.partition_index, questions.size());
      if (!is_new) {
        questions[at->second].fail(base::errc::invalid_argument);
        continue;
      }
      offset_question q;
      q.topic = t;
      q.index = questions.size() - first;
      q.timestamp = p.timestamp;
      q.current_epoch = base::leader_epoch(p.current_leader_epoch);
      q.id.partition = p.partition_index;
      if (!is_known(p.timestamp, request.version)) {
        q.fail(base::errc::unsupported);
      } else if (known == nullptr || p.partition_index < 0 ||
                 static_cast<size_t>(p.partition_index) >= known->partitions.size()) {
        q.fail(base::errc::unknown_topic_or_partition);
      } else {
        q.id = known->partitions[static_cast<size_t>(p.partition_index)].id;
        q.owner = known->partitions[static_cast<size_t>(p.partition_index)].owner;
      }
      questions.push_back(q);
    }
    answer.topics[t].name = topic.name;
    TRY(answer.topics[t].partitions, request.memory.make_array<list_offsets_response_partition>(questions.size() - first));
  }
  return questions;
}

}  // namespace

handled handle_list_offsets(request_context& request) {
  CO_TRY(const list_offsets_request asked,
         wire::kafka::decode<list_offsets_request>(request.body, request.version, request.memory));
  list_offsets_response answer;
  CO_TRY(std::vector<offset_question> questions, questions_of(request, asked, answer));
  co_await ask_owners(request.door, questions, answer_there);
  for (const offset_question& q : questions) {
    list_offsets_response_partition& out = answer.topics[q.topic].partitions[q.index];
    out.partition_index = q.id.partition;
    if (q.failed) {
      out.error_code = error_code(q.why);
      continue;
    }
    out.timestamp = q.found_timestamp;
    out.offset = q.found.value();
    out.leader_epoch = q.epoch.value();
  }
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
