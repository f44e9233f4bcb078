#include <algorithm>
#include <span>

#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/fetch_exchange.hh"
#include "api/kafka/reply_buffer.hh"
#include "wire/kafka/fetch_response_writer.hh"

/// The answer of a fetch: all that was asked for, or what is new in the session.

namespace millrace::api::kafka {

namespace {
namespace wk = wire::kafka;
}  // namespace

// ---- for the session

fetch_session::finding fetch_exchange::finding_of(const entry& e) const {
  if (e.error != 0) return {.failed = true};
  const broker::read_part& part = works_[e.work]->memory[e.part];
  if (part.failed) return {.failed = true};
  return {.diverged = part.diverged,
          .bytes = part.bytes,
          .high_watermark = part.high_watermark.value(),
          .log_start = part.log_start.value()};
}

/// Picks what the answer has, which becomes what the client was told, and says the answer's session id. Who had records is
/// read after the others next time, and so nobody starves. A session that grew over a bound ends with a full answer: id 0.
int32_t fetch_exchange::choose_news() {
  const bool ends = ends_session_;
  for (size_t t = 0; t < topic_count_; ++t) topics_[t].partitions = 0;
  for (entry& e : entries_) {
    const fetch_session::finding found = finding_of(e);
    e.told = e.kept->tell(found) || ends;
    if (e.told) ++topics_[e.topic].partitions;
    if (found.bytes > 0) session_->move_to_end(*e.kept);
  }
  size_t count = 0;
  for (size_t t = 0; t < topic_count_; ++t) {
    topics_[t].next = count;
    count += topics_[t].partitions;
  }
  order_.resize(count);
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].told) order_[topics_[entries_[i].topic].next++] = static_cast<uint32_t>(i);
  }
  return ends ? 0 : session_->id();
}

/// The id of a session of what was asked, which knows what this answer tells; 0 where there is no room for one.
int32_t fetch_exchange::begin_session() {
  if (entries_.empty()) return 0;
  size_t bytes = fetch_session::own_bytes() + entries_.size() * fetch_session::partition_bytes();
  for (size_t t = 0; t < topic_count_; ++t) {
    if (topics_[t].partitions > 0) bytes += fetch_session::topic_bytes(key_of(topics_[t]));
  }
  fetch_session_cache& all = door_.sessions();
  fetch_session* const made = all.create(by_ids(), entries_.size(), bytes, door_.on().now());
  if (made == nullptr) return 0;
  for (const entry& e : entries_) {
    fetch_session::partition& p = all.add(*made, key_of(topics_[e.topic]), e.index);
    p.ask(e.asked);
    p.tell(finding_of(e));
  }
  const int32_t id = made->id();
  all.give_back(*made);
  return id;
}

std::string_view fetch_exchange::key_of(const topic_entry& t) const {
  return by_ids() ? fetch_session::key_of(t.id) : t.name;
}

// ---- as bytes

template <class Sink, class Between>
void fetch_exchange::write_body(Sink& sink, int32_t session_id, Between&& between) const {
  wk::fetch_response head;
  head.error_code = top_error_;
  head.session_id = session_id;
  wk::basic_fetch_response_writer<Sink> w(sink, version_, head);
  const auto topics = std::span(topics_).first(topic_count_);
  const auto named = [](const topic_entry& t) { return t.partitions > 0; };
  w.begin(static_cast<size_t>(std::count_if(topics.begin(), topics.end(), named)));
  size_t at = 0;
  for (size_t t = 0; t < topics.size(); ++t) {
    if (!named(topics[t])) continue;
    wk::fetch_response_fetchable_topic topic;
    topic.topic = topics_[t].name;
    topic.topic_id = topics_[t].id;
    w.topic(topic, topics_[t].partitions);
    for (size_t p = 0; p < topics_[t].partitions; ++p) {
      const entry& e = entries_[session_ != nullptr ? order_[at] : at];
      ++at;
      write_entry(w, e);
      between(e);
    }
  }
  w.end();
}

template <class Writer>
void fetch_exchange::write_entry(Writer& w, const entry& e) const {
  wk::fetch_response_partition_data answer;
  answer.partition_index = e.index;
  answer.error_code = e.error;
  answer.high_watermark = answer.last_stable_offset = answer.log_start_offset = -1;
  answer.records = base::bytes();
  // Without transactions none is aborted: an empty list for who asked, null for who did not; but what is not served here
  // always has one.
  if (isolation_ == 1 || e.error != 0) answer.aborted_transactions.emplace();
  if (e.work != nowhere) {
    const broker::read_part& part = works_[e.work]->memory[e.part];
    if (part.failed) {
      answer.error_code = error_code(part.why);
    } else {
      answer.high_watermark = answer.last_stable_offset = part.high_watermark.value();
      answer.log_start_offset = part.log_start.value();
      if (part.bytes > 0) answer.records = base::bytes(part.slices.front().data, part.bytes);  // its size counts
      if (part.diverged) {
        answer.diverging_epoch.epoch = part.diverging_epoch.value();
        answer.diverging_epoch.end_offset = part.diverging_end.value();
      }
    }
  }
  w.partition(answer);
}

void fetch_exchange::write(reply_buffer& out) {
  int32_t session_id = 0;
  if (session_ != nullptr) {
    session_id = choose_news();
  } else if (begins_session_) {
    session_id = begin_session();
  }
  wk::byte_counter counter;
  write_body(counter, session_id, [](const entry&) {});
  const size_t body = counter.written();
  const size_t whole = wk::response_frame_size(wk::fetch_request::api_key, version_, body);
  const base::mutable_bytes memory = out.reserve(whole - counter.record_bytes());
  const size_t frame_head = whole - body;
  wk::writer frame(memory.first(frame_head));
  wk::begin_response_frame(frame, wk::fetch_request::api_key, version_, correlation_id_, body);

  const base::bytes encoded = memory;
  wk::gather_writer sink(memory.subspan(frame_head));
  size_t referred = 0;
  write_body(sink, session_id, [&](const entry& e) {
    if (e.error != 0) ++counted().partition_errors;
    if (e.work == nowhere) return;
    const broker::read_part& part = works_[e.work]->memory[e.part];
    if (part.failed) ++counted().partition_errors;
    if (part.failed || part.bytes == 0) return;
    const size_t cut = frame_head + sink.cut();
    out.refer(encoded.subspan(referred, cut - referred));
    referred = cut;
    for (const storage::slice& s : part.slices) {
      if (s.file) {
        out.refer(file_piece{.handle = s.file.handle(), .position = s.file.position(), .size = s.size});
      } else {
        out.refer(base::bytes(s.data, s.size));
      }
    }
  });
  out.refer(encoded.subspan(referred));
  // The client's next request may come before it is known that this answer has left.
  end_use();
}

}  // namespace millrace::api::kafka
