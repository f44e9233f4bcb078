#include <set>

#include "api/kafka/errors.hh"
#include "api/kafka/handlers.hh"
#include "api/kafka/owner_calls.hh"
#include "wire/kafka/messages/describe_log_dirs.hh"

namespace millrace::api::kafka {
namespace {

using wire::kafka::describe_log_dirs_request;
using wire::kafka::describe_log_dirs_response;
using wire::kafka::describe_log_dirs_response_partition;
using wire::kafka::describe_log_dirs_response_result;
using wire::kafka::describe_log_dirs_response_topic;

struct size_question : partition_question {
  uint64_t bytes = 0;  ///< answered
};

reactor::task<base::result<void>> answer_there(broker::broker_core* there, std::vector<size_question*> questions) {
  for (size_question* q : questions) {
    broker::partition* const p = there->find(q->id);
    if (p == nullptr) {
      q->fail(base::errc::unknown_topic_or_partition);
    } else {
      q->bytes = p->log().size_bytes();
    }
  }
  co_return base::result<void>();
}

/// A topic of the answer, and its questions from `first` on.
struct asked_topic {
  std::string name;
  size_t first = 0;
  size_t count = 0;
};

/// Every partition asked for that there is; null asks for all.
std::vector<asked_topic> topics_asked(request_context& request, const describe_log_dirs_request& asked,
                                      std::vector<size_question>& questions) {
  std::vector<asked_topic> topics;
  const auto add = [&](const broker::topic_info& topic, const auto& partitions) {
    asked_topic t{.name = topic.kafka_name, .first = questions.size()};
    for (const int32_t p : partitions) {
      if (p < 0 || static_cast<size_t>(p) >= topic.partitions.size()) continue;
      const broker::partition_info& where = topic.partitions[static_cast<size_t>(p)];
      if (request.advertised.of_core && where.owner != request.door.on().id()) continue;
      size_question q;
      q.id = where.id;
      q.owner = where.owner;
      questions.push_back(q);
    }
    t.count = questions.size() - t.first;
    if (t.count > 0) topics.push_back(std::move(t));
  };
  const broker::snapshot& known = request.door.topics();
  if (!asked.topics) {
    for (const broker::topic_info* topic : known.topics) {
      std::vector<int32_t> all(topic->partitions.size());
      for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int32_t>(i);
      add(*topic, all);
    }
    return topics;
  }
  std::set<std::string_view> seen;
  for (const auto& t : *asked.topics) {
    const broker::topic_info* const topic = known.find(t.topic);
    if (topic == nullptr || !seen.insert(t.topic).second) continue;
    add(*topic, std::set<int32_t>(t.partitions.begin(), t.partitions.end()));
  }
  return topics;
}

/// What the cores that are asked keep of removed segments: space that new ones take first.
reactor::task<uint64_t> pooled_bytes(request_context& request) {
  door& d = request.door;
  uint64_t sum = 0;
  for (unsigned core = 0; core < d.on().core_count(); ++core) {
    if (request.advertised.of_core && base::core_id(core) != d.on().id()) continue;
    broker::broker_core* const there = &d.controller().broker_of(base::core_id(core));
    auto ask = [there](reactor::core&) { return there->logs().counters().pool_bytes; };
    const uint64_t pooled =
        co_await broker::bounded_plain_call(d.on(), d.controller().calls_of(d.on()), base::core_id(core), std::move(ask));
    sum += pooled;
  }
  co_return sum;
}

base::result<void> answer_from(request_context& request, const std::vector<asked_topic>& topics,
                               const std::vector<size_question>& questions, describe_log_dirs_response_result& out) {
  TRY(out.topics, request.memory.make_array<describe_log_dirs_response_topic>(topics.size()));
  for (size_t t = 0; t < topics.size(); ++t) {
    out.topics[t].name = topics[t].name;
    TRY(auto partitions, request.memory.make_array<describe_log_dirs_response_partition>(topics[t].count));
    size_t there = 0;
    for (size_t i = 0; i < topics[t].count; ++i) {
      const size_question& q = questions[topics[t].first + i];
      if (q.failed) continue;  // it has just been deleted
      partitions[there].partition_index = q.id.partition;
      partitions[there].partition_size = static_cast<int64_t>(q.bytes);
      ++there;
    }
    out.topics[t].partitions = partitions.first(there);
  }
  return {};
}

}  // namespace

/// The one directory of the data; at a core's own port, what that core has in it. Its usable bytes are those that the file
/// system has free and those of removed segments that are kept for new ones (KIP-827).
handled handle_describe_log_dirs(request_context& request) {
  CO_TRY(const describe_log_dirs_request asked,
         wire::kafka::decode<describe_log_dirs_request>(request.body, request.version, request.memory));
  std::vector<size_question> questions;
  const std::vector<asked_topic> topics = topics_asked(request, asked, questions);
  co_await ask_owners(request.door, questions, answer_there);
  const uint64_t pooled = co_await pooled_bytes(request);
  describe_log_dirs_response_result directory;
  directory.log_dir = request.door.controller().settings().log_dir;
  const auto space = request.door.on().effects().free_space(request.door.broker().logs().data_dir());
  if (space) {
    directory.total_bytes = static_cast<int64_t>(space->total_bytes);
    directory.usable_bytes = static_cast<int64_t>(space->free_bytes + pooled);
  } else {
    directory.error_code = error_code(space.error());
  }
  CO_TRY_CHECK(answer_from(request, topics, questions, directory));
  describe_log_dirs_response answer;
  answer.results = {&directory, 1};
  request.respond(answer);
  co_return base::result<void>();
}

}  // namespace millrace::api::kafka
