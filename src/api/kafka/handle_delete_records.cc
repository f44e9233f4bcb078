#include <algorithm>

#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/handlers.hh"
#include "api/kafka/owner_calls.hh"
#include "broker/catalog/names.hh"
#include "wire/kafka/messages/delete_records.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::delete_records_request;
using wire::kafka::delete_records_response;
using wire::kafka::delete_records_response_partition_result;
using wire::kafka::delete_records_response_topic_result;

/// What is asked for as the high watermark; no other offset is below 0.
constexpr int64_t high_watermark = -1;

struct deletion : partition_question {
  size_t topic = 0;  ///< of the answer
  size_t index = 0;  ///< within the topic
  int64_t before = high_watermark;
  base::offset low_watermark{-1};  ///< answered
};

/// All of a core together: they share a checkpoint.
reactor::task<base::result<void>> delete_there(broker::broker_core* there, std::vector<deletion*> asked) {
  std::vector<storage::new_log_start> wanted;
  std::vector<deletion*> raised;
  for (deletion* d : asked) {
    broker::partition* p = there->find(d->id);
    if (p == nullptr) {
      d->fail(base::errc::unknown_topic_or_partition);
    } else if (d->before < high_watermark) {
      d->fail(base::errc::out_of_range);
    } else {
      wanted.push_back({d->id, d->before == high_watermark ? p->high_watermark() : base::offset(d->before)});
      raised.push_back(d);
    }
  }
  const std::vector<base::result<void>> outcomes = co_await there->raise_log_starts(std::move(wanted));
  for (size_t i = 0; i < raised.size(); ++i) {
    broker::partition* p = there->find(raised[i]->id);
    if (p == nullptr) {
      raised[i]->fail(base::errc::unknown_topic_or_partition);
    } else if (!outcomes[i]) {
      raised[i]->fail(outcomes[i].error());
    } else {
      raised[i]->low_watermark = p->log().log_start();
    }
  }
  co_return base::result<void>();
}

/// One partition of a request, with what is known before its owner is asked.
deletion deletion_of(const broker::topic_info* topic, std::string_view name, int32_t partition, int64_t before) {
  deletion d;
  d.before = before;
  d.id.partition = partition;
  if (broker::is_internal_topic(name)) {
    d.fail(base::errc::invalid_topic);
  } else if (topic == nullptr || partition < 0 || static_cast<size_t>(partition) >= topic->partitions.size()) {
    d.fail(base::errc::unknown_topic_or_partition);
  } else if (!topic->config.deletes) {
    d.fail(base::errc::policy_violation);
  } else {
    d.id = topic->partitions[static_cast<size_t>(partition)].id;
    d.owner = topic->partitions[static_cast<size_t>(partition)].owner;
  }
  return d;
}

/// What a request asks for, and the answer with room for it. A topic without partitions is not in it, as in Kafka's.
base::result<std::vector<deletion>> deletions_of(request_context& request, const delete_records_request& asked,
                                                 delete_records_response& answer) {
  std::vector<deletion> all;
  const auto answered = std::ranges::count_if(asked.topics, [](const auto& t) { return !t.partitions.empty(); });
  TRY(answer.topics, request.memory.make_array<delete_records_response_topic_result>(static_cast<size_t>(answered)));
  size_t t = 0;
  for (const auto& topic : asked.topics) {
    if (topic.partitions.empty()) continue;
    const broker::topic_info* known = request.door.topics().find(topic.name);
    answer.topics[t].name = topic.name;
    TRY(answer.topics[t].partitions,
        request.memory.make_array<delete_records_response_partition_result>(topic.partitions.size()));
    for (size_t i = 0; i < topic.partitions.size(); ++i) {
      deletion d = deletion_of(known, topic.name, topic.partitions[i].partition_index, topic.partitions[i].offset);
      d.topic = t;
      d.index = i;
      all.push_back(d);
    }
    ++t;
  }
  return all;
}

}  // namespace

/// The answer leaves when the log starts are durable; their files go later. How long the client would wait is not looked at:
/// nothing here waits for other nodes.
handled handle_delete_records(request_context& request) {
  CO_TRY(const delete_records_request asked,
         wire::kafka::decode<delete_records_request>(request.body, request.version, request.memory));
  delete_records_response answer;
  CO_TRY(std::vector<deletion> deletions, deletions_of(request, asked, answer));
  co_await ask_owners(request.door, deletions, delete_there);
  for (const deletion& d : deletions) {
    delete_records_response_partition_result& out = answer.topics[d.topic].partitions[d.index];
    out.partition_index = d.id.partition;
    out.low_watermark = d.failed ? -1 : d.low_watermark.value();
    out.error_code = d.failed ? error_code(d.why) : code::none;
  }
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
