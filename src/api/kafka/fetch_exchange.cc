#include "api/kafka/fetch_exchange.hh"

#include <algorithm>
#include <span>

#include "api/kafka/connection.hh"
#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"
#include "api/kafka/named_once.hh"
#include "api/kafka/reply_buffer.hh"
#include "wire/kafka/fetch_response_writer.hh"

namespace millrace::api::kafka {

namespace {
namespace wk = wire::kafka;
/// Session epochs that ask for a full fetch, whatever the session (KIP-227).
constexpr int32_t new_session = 0;
constexpr int32_t no_session = -1;
/// The memory of a request that names more partitions is given back with it.
constexpr size_t kept_entries_max = 4096;
}  // namespace

fetch_exchange::fetch_exchange(door& d) : door_(d) {}
fetch_exchange::~fetch_exchange() = default;

fetch_exchange& fetch_exchange::take(door& d, connection& c) {
  fetch_exchange& e = d.fetches().take();
  e.shrink();
  e.open(c);
  e.topic_count_ = 0;
  e.entries_.clear();
  e.work_count_ = 0;
  e.left_ = 0;
  e.top_error_ = 0;
  e.hurried_ = false;
  e.stage_ = stage::reading;
  return e;
}

/// Gives back what an unusually large request made it grow to. Not when that ends: one of its works may be what says so.
void fetch_exchange::shrink() {
  if (entries_.capacity() <= kept_entries_max && topics_.size() <= kept_entries_max) return;
  // {} would keep their memory.
  entries_ = decltype(entries_)();
  order_ = decltype(order_)();
  topics_ = decltype(topics_)();
  works_.clear();
}

base::result<void> fetch_exchange::begin(const wk::request_header& header, const wk::reader& body) {
  version_ = header.request_api_version;
  correlation_id_ = header.correlation_id;
  auto request = wk::fetch_reader::open(body, version_);
  if (!request) {
    set_ready();
    return request.failure();
  }
  const wk::fetch_request& asked = request->settings();
  isolation_ = asked.isolation_level;
  bytes_max_ = static_cast<uint32_t>(std::clamp<int64_t>(asked.max_bytes, 0, door_.options().fetch_bytes_max));
  // As Kafka: what cannot be answered is not waited for.
  bytes_min_ = std::min<uint64_t>(static_cast<uint64_t>(std::max(asked.min_bytes, 0)), bytes_max_);
  // What Kafka has no better word for.
  if (isolation_ < 0 || isolation_ > 1) top_error_ = code::unknown_server_error;
  deadline_ = door_.on().now() + base::milliseconds(std::max(asked.max_wait_ms, 0));
  if (asked.session_epoch != new_session && asked.session_epoch != no_session) {
    // No sessions are kept: the client goes on with full fetches.
    top_error_ = code::fetch_session_id_not_found;
    stage_ = stage::answered;
    set_ready();
    return {};
  }
  if (auto named = read_request(*request); !named) {
    set_ready();
    return named.failure();
  }
  const bool refused = std::any_of(entries_.begin(), entries_.end(), [](const entry& e) { return e.error != 0; });
  // A fetch of nothing has nothing to wait for.
  if (refused || entries_.empty()) bytes_min_ = 0;
  uint64_t asked_for = 0;
  for (const entry& e : entries_) asked_for += static_cast<uint64_t>(std::max(e.asked.partition_max_bytes, 0));
  expect(std::min<uint64_t>(bytes_max_, asked_for));
  stage_ = work_count_ <= 1 ? stage::waiting : stage::reading;
  send_all(work_count_ <= 1);
  return {};
}

base::result<void> fetch_exchange::read_request(wk::fetch_reader& in) {
  if (in.topic_count() + in.partition_count() > request_parts_max) return base::fail(base::errc::too_large);
  wk::fetch_topic topic;
  wk::fetch_request_partition partition;
  entries_.reserve(in.partition_count());
  while (in.next_topic(topic)) {
    if (topic_count_ == topics_.size()) topics_.emplace_back();
    topic_entry& t = topics_[topic_count_];
    t.name.assign(topic.topic);
    t.id = topic.topic_id;
    while (in.next_partition(partition)) {
      entries_.push_back({.topic = topic_count_, .index = partition.partition, .asked = partition});
    }
    ++topic_count_;
  }
  name_once(topics_, topic_count_, entries_, order_, [](entry& first, const entry& last) { first.asked = last.asked; });
  for (entry& e : entries_) hand_over(e);
  return {};
}

void fetch_exchange::hand_over(entry& e) {
  const topic_entry& topic = topics_[e.topic];
  const wk::fetch_request_partition& asked = e.asked;
  if (top_error_ != 0) {
    e.error = top_error_;
    return;
  }
  const broker::topic_info* info =
      version_ >= 13 ? door_.topics().find(topic.id) : door_.topics().find(std::string_view(topic.name));
  if (info == nullptr || asked.partition < 0 || static_cast<size_t>(asked.partition) >= info->partitions.size()) {
    const bool by_id = version_ >= 13 && info == nullptr;
    const base::errc why = by_id ? base::errc::unknown_topic_id : base::errc::unknown_topic_or_partition;
    e.error = error_code(why);
    return;
  }
  const broker::partition_info& where = info->partitions[static_cast<size_t>(asked.partition)];
  owner_work& w = work_for(where.owner, &e.work);
  e.part = w.count;
  broker::read_part& part = w.memory[w.count++];
  part.id = where.id;
  part.from = base::offset(asked.fetch_offset);
  part.bytes_max = static_cast<uint32_t>(std::max(asked.partition_max_bytes, 0));
  part.current_epoch = base::leader_epoch(asked.current_leader_epoch);
  part.last_fetched_epoch = base::leader_epoch(asked.last_fetched_epoch);
}

fetch_exchange::owner_work& fetch_exchange::work_for(base::core_id owner, size_t* index) {
  size_t i = 0;
  while (i < work_count_ && works_[i]->to != owner) ++i;
  *index = i;
  if (i == works_.size()) {
    works_.push_back(std::make_unique<owner_work>());
    works_.back()->of = this;
  }
  owner_work& w = *works_[i];
  if (i == work_count_) {
    ++work_count_;
    w.to = owner;
    w.count = 0;
    w.available = 0;
    if (w.capacity < entries_.capacity()) {
      w.capacity = entries_.capacity();
      w.memory = std::make_unique<broker::read_part[]>(w.capacity);
    }
  }
  return w;
}

// ---- reading and waiting

/// Where it waits for more than there is, some owner must come to have an equal share of what is missing: each waits for
/// that on top of what it has. So a round of mail is worth its while, and none comes without news.
void fetch_exchange::send_all(bool wait) {
  const uint64_t have = available();
  const uint64_t missing = bytes_min_ > have ? bytes_min_ - have : 0;
  const uint64_t share = (missing + work_count_ - 1) / std::max<size_t>(work_count_, 1);
  news_ = false;
  left_ = work_count_ + 1;
  for (size_t i = 0; i < work_count_; ++i) {
    owner_work& w = *works_[i];
    w.parts = {w.memory.get(), w.count};
    w.bytes_max = bytes_max_ / static_cast<uint32_t>(work_count_);
    w.one_at_least = true;
    w.counts_all = work_count_ > 1;
    // The first may be settled before the next is sent: that one does not wait either.
    const bool waits = wait && missing > 0 && !hurried_ && !news_;
    w.bytes_min = waits ? w.available + share : 0;
    w.wait = std::max(deadline_ - door_.on().now(), base::duration{0});
    w.out = true;
    door_.broker().send(w, w.to);
  }
  if (--left_ == 0) all_settled();
}

void fetch_exchange::work_settled(owner_work& w) {
  w.out = false;
  if (stage_ == stage::waiting && work_count_ > 1) {
    news_ = true;
    // News at one owner ends the wait at the others.
    for (size_t i = 0; i < work_count_; ++i) {
      if (works_[i]->out) door_.broker().end_wait(*works_[i]);
    }
  }
  if (--left_ == 0) all_settled();
}

void fetch_exchange::all_settled() {
  switch (stage_) {
    case stage::reading:
    case stage::waiting: {
      const bool over = hurried_ || door_.on().now() >= deadline_;
      if (work_count_ <= 1 || over || any_reason_enough() || available() >= bytes_min_) {
        stage_ = stage::answered;
        if (work_count_ > 1) keep_within_limit();
        note_held();
        set_ready();
      } else {
        read_again();
      }
      return;
    }
    case stage::again:
      stage_ = stage::waiting;
      send_all(true);
      return;
    case stage::answered:
      return;
    case stage::leaving:
      door_.fetches().give_back(*this);
      return;
  }
}

/// Whole blocks are kept alive, however few bytes of them are sent.
void fetch_exchange::note_held() {
  held_bytes now{.own = entries_.size() * (sizeof(entry) + sizeof(broker::read_part)), .blocks = 0};
  for (size_t i = 0; i < work_count_; ++i) {
    for (const broker::read_part& part : works_[i]->parts) {
      for (const storage::slice& s : part.slices) now.blocks += s.memory.size();
    }
  }
  hold(now);
  expect(0);
}

/// Several owners did not know of each other: in request order, the first partition with data may pass the limit, and what
/// comes after it fits or is left for the next fetch (KIP-74).
void fetch_exchange::keep_within_limit() {
  uint64_t used = 0;
  for (const entry& e : entries_) {
    if (e.work == nowhere) continue;
    broker::read_part& part = works_[e.work]->memory[e.part];
    if (part.failed || part.bytes == 0) continue;
    if (used > 0 && used + part.bytes > bytes_max_) {
      part.bytes = 0;
    } else {
      used += part.bytes;
    }
  }
}

/// Lets go what was read, to wait for more.
void fetch_exchange::read_again() {
  stage_ = stage::again;
  left_ = work_count_ + 1;
  for (size_t i = 0; i < work_count_; ++i) {
    works_[i]->out = true;
    door_.broker().release(*works_[i]);
  }
  if (--left_ == 0) all_settled();
}

void fetch_exchange::hurry() {
  hurried_ = true;
  for (size_t i = 0; i < work_count_; ++i) {
    if (works_[i]->out) door_.broker().end_wait(*works_[i]);
  }
}

uint64_t fetch_exchange::available() const {
  uint64_t sum = 0;
  for (size_t i = 0; i < work_count_; ++i) sum += works_[i]->available;
  return sum;
}

/// Whether something answers the fetch at once, however little there is.
bool fetch_exchange::any_reason_enough() const {
  for (size_t i = 0; i < work_count_; ++i) {
    if (works_[i]->at_once) return true;
  }
  for (const entry& e : entries_) {
    if (e.error != 0) return true;
    const broker::read_part& part = works_[e.work]->memory[e.part];
    if (part.failed || part.diverged) return true;
  }
  return false;
}

// ---- the answer

template <class Sink, class Between>
void fetch_exchange::write_body(Sink& sink, Between&& between) const {
  wk::fetch_response head;
  head.error_code = top_error_;
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
      const entry& e = entries_[at++];
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
  wk::byte_counter counter;
  write_body(counter, [](const entry&) {});
  const size_t body = counter.written();
  const size_t whole = wk::response_frame_size(wk::fetch_request::api_key, version_, body);
  const base::mutable_bytes memory = out.reserve(whole - counter.record_bytes());
  const size_t frame_head = whole - body;
  wk::writer frame(memory.first(frame_head));
  wk::begin_response_frame(frame, wk::fetch_request::api_key, version_, correlation_id_, body);

  const base::bytes encoded = memory;
  wk::gather_writer sink(memory.subspan(frame_head));
  size_t referred = 0;
  write_body(sink, [&](const entry& e) {
    if (e.work == nowhere) return;
    const broker::read_part& part = works_[e.work]->memory[e.part];
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
}

void fetch_exchange::let_go() {
  stage_ = stage::leaving;
  left_ = work_count_ + 1;
  for (size_t i = 0; i < work_count_; ++i) door_.broker().release(*works_[i]);
  if (--left_ == 0) all_settled();
}

}  // namespace millrace::api::kafka
