#include "api/http/topic_sizes.hh"

#include <algorithm>

#include "api/http/door.hh"
#include "reactor/call.hh"

namespace millrace::api::http {

namespace {

/// Partitions that are asked about at a time: a look takes a microsecond or so on its owner.
constexpr size_t questions_at_once = 256;

struct question {
  storage::log_id id;
  base::core_id owner{0};
  bool shown = false;  ///< has numbers of its own
  bool found = false;
  partition_size answer;
};

/// Where a walk over topics and partitions stands; topics are found again by name, for they come and go meanwhile.
struct walk {
  exchange& request;
  topic_sizes& into;
  std::string topic;  ///< that is being asked about; empty: before the first
  size_t next = 0;    ///< of its partitions
  bool shown = false;
  size_t rows = 0;    ///< of partitions that are shown, asked for or not
  bool full = false;  ///< no further topic has room
  std::vector<question> questions;
};

const std::vector<const broker::topic_info*>& topics_of(walk& w) { return w.request.at().view().topics->now().topics; }

/// Begins a topic: whether it has room, and its partitions too.
bool take_topic(walk& w, const broker::topic_info& topic) {
  const size_t most = w.request.at().options().partitions_max;
  const size_t count = topic.partitions.size();
  const size_t bytes = sizeof(topic_size) + topic.kafka_name.size();
  if (w.into.topics.size() >= most || !w.request.hold(bytes)) return false;
  w.shown = w.rows + count <= most && w.request.hold(2 * count * sizeof(partition_size));  // a vector grows by half or more
  (w.shown ? w.rows : w.into.partitions_not_shown) += count;
  w.into.topics.push_back({.name = topic.kafka_name, .partitions = count});
  w.topic = topic.kafka_name;
  w.next = 0;
  return true;
}

void ask(walk& w, const broker::topic_info& topic) {
  const auto index = static_cast<uint32_t>(w.into.topics.size() - 1);
  const size_t limit = std::min<size_t>(topic.partitions.size(), w.into.topics.back().partitions);
  for (; w.next < limit && w.questions.size() < questions_at_once; ++w.next) {
    const broker::partition_info& p = topic.partitions[w.next];
    question q{.id = p.id, .owner = p.owner, .shown = w.shown, .answer = {}};
    q.answer.topic = index;
    q.answer.partition = static_cast<int32_t>(w.next);
    w.questions.push_back(q);
  }
}

/// From this topic on none has room.
void note_rest(walk& w, std::vector<const broker::topic_info*>::const_iterator at) {
  for (; at != topics_of(w).end(); ++at) {
    ++w.into.topics_not_shown;
    w.into.partitions_not_shown += (*at)->partitions.size();
  }
}

/// The next questions. False where none are left.
bool next_questions(walk& w) {
  w.questions.clear();
  const auto& all = topics_of(w);
  const auto name_of = [](const broker::topic_info* t) { return std::string_view(t->kafka_name); };
  auto at = std::ranges::lower_bound(all, std::string_view(w.topic), {}, name_of);
  if (at != all.end() && !w.topic.empty() && (*at)->kafka_name == w.topic) {
    ask(w, **at);
    ++at;
  }
  for (; !w.full && at != all.end() && w.questions.size() < questions_at_once; ++at) {
    w.full = !take_topic(w, **at);
    if (w.full) {
      note_rest(w, at);
    } else {
      ask(w, **at);
    }
  }
  return !w.questions.empty();
}

/// On a core: answers those of its own.
void answer_there(broker::broker_core& there, std::vector<question>& questions) {
  for (question& q : questions) {
    if (q.owner != there.on().id()) continue;
    broker::partition* const p = there.find(q.id);
    if (p == nullptr) continue;  // it has just been deleted
    q.found = true;
    q.answer.log_start = p->log().log_start().value();
    q.answer.high_watermark = p->high_watermark().value();
    q.answer.bytes = p->log().size_bytes();
  }
}

void note_answers(walk& w) {
  for (const question& q : w.questions) {
    if (!q.found) continue;
    topic_size& t = w.into.topics[q.answer.topic];
    t.bytes += q.answer.bytes;
    t.offsets += static_cast<uint64_t>(q.answer.high_watermark);
    t.retained += static_cast<uint64_t>(q.answer.high_watermark - q.answer.log_start);
    if (q.shown) w.into.partitions.push_back(q.answer);
  }
}

}  // namespace

reactor::task<void> ask_topic_sizes(exchange* request, topic_sizes* into) {
  walk w{.request = *request, .into = *into, .topic = {}, .questions = {}};
  http::door& here = request->at();
  if (!request->hold(questions_at_once * sizeof(question))) co_return;
  while (request->wants_more() && next_questions(w)) {
    std::vector<question>* const asked = &w.questions;
    for (const core_view& c : here.view().cores) {
      const base::core_id target = c.core->id();
      const bool any = std::ranges::any_of(w.questions, [target](const question& q) { return q.owner == target; });
      broker::broker_core* const there = c.broker;
      if (!any) continue;
      co_await reactor::call_on(here.on(), target, [there, asked](reactor::core&) { answer_there(*there, *asked); });
    }
    note_answers(w);
    co_await reactor::next_turn(here.on());
  }
}

}  // namespace millrace::api::http
