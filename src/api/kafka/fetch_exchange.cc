#include "api/kafka/fetch_exchange.hh"

#include <algorithm>
#include <utility>

#include "api/kafka/connection.hh"
#include "api/kafka/door.hh"
#include "api/kafka/errors.hh"

namespace millrace::api::kafka {

namespace {
namespace wk = wire::kafka;
}  // namespace

fetch_exchange::fetch_exchange(door& d) : door_(d) {}
fetch_exchange::~fetch_exchange() = default;

fetch_exchange& fetch_exchange::take(door& d, connection& c) {
  fetch_exchange& e = d.fetches().take();
  e.open(c);
  e.topic_count_ = 0;
  e.entries_.clear();
  e.work_count_ = 0;
  e.left_ = 0;
  e.top_error_ = 0;
  e.begins_session_ = false;
  e.ends_session_ = false;
  ASSERT(e.session_ == nullptr);
  e.hurried_ = false;
  e.stage_ = stage::reading;
  return e;
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
  const bool within = within_session(asked);
  if (auto named = within ? read_session(*request) : read_request(*request); !named) {
    set_ready();
    return named.failure();
  }
  const bool refused = std::any_of(entries_.begin(), entries_.end(), [](const entry& e) { return e.error != 0; });
  // A fetch of nothing has nothing to wait for.
  if (refused || entries_.empty()) bytes_min_ = 0;
  uint64_t asked_for = 0;
  for (const entry& e : entries_) asked_for += static_cast<uint64_t>(std::max(e.asked.partition_max_bytes, 0));
  expect(std::min<uint64_t>(bytes_max_, asked_for));
  // However long it waits: a few bytes asked for all of a session.
  if (session_ != nullptr) hold({.own = own_bytes()});
  stage_ = work_count_ <= 1 ? stage::waiting : stage::reading;
  send_all(work_count_ <= 1);
  return {};
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

size_t fetch_exchange::own_bytes() const {
  const size_t lists = entries_.size() * (sizeof(entry) + sizeof(broker::read_part)) + topic_count_ * sizeof(topic_entry);
  const bool last_use = session_ != nullptr && fetch_session_cache::removed(*session_);
  return lists + (last_use ? session_->bytes() : 0);
}

/// Whole blocks are kept alive, however few bytes of them are sent.
void fetch_exchange::note_held() {
  held_bytes now{.own = own_bytes(), .blocks = 0};
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

void fetch_exchange::end_use() {
  if (session_ != nullptr) door_.sessions().give_back(*std::exchange(session_, nullptr));
}

void fetch_exchange::let_go() {
  end_use();
  stage_ = stage::leaving;
  left_ = work_count_ + 1;
  for (size_t i = 0; i < work_count_; ++i) door_.broker().release(*works_[i]);
  if (--left_ == 0) all_settled();
}

}  // namespace millrace::api::kafka
