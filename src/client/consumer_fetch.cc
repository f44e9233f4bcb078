#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.hh"
#include "client/consumer_core.hh"
#include "client/kafka_code.hh"
#include "reactor/wait.hh"

namespace millrace::client {

using base::result;
using reactor::task;
using namespace wire::kafka;

namespace {

/// Of Fetch: topics have names up to here, ids after.
constexpr int16_t version_most = 12;

}  // namespace

// ---- out

/// The next fetch, unless one is on the way or enough waits to be taken.
void consumer_core::ask(node& n) {
  if (n.on_the_way || n.waiting >= options_.ahead || closing_ || n.link == nullptr) return;
  if (n.session_epoch == 0 || n.shares != shares_) list_partitions(n);
  if (n.asked.empty()) return end_session(n);
  if (!n.link->is_open()) return lose_all(n, base::fail(base::errc::closed).what);
  const auto version = n.link->version_of<fetch_request>(version_most);
  if (!version) {
    for (partition* p : n.asked) note_trouble(*p, version.error());
    return;
  }
  n.version = *version;
  name_partitions(n);
  send_fetch(n, static_cast<int32_t>(options_.max_wait.ms()));
}

/// All that this broker leads, for a request that names them all: it begins a session, in place of the one before, or has
/// none.
void consumer_core::list_partitions(node& n) {
  n.asked.clear();
  n.shares = shares_;
  n.session_epoch = 0;
  for (auto& p : partitions_) {
    if (p->leader == &n && !p->ended) n.asked.push_back(p.get());
  }
  if (n.asked.empty()) return;
  // A broker fills its answer in the order of the request: each is first in turn. In a session it sees to that itself.
  std::rotate(n.asked.begin(), n.asked.begin() + static_cast<ptrdiff_t>(n.turn++ % n.asked.size()), n.asked.end());
  std::ranges::stable_sort(n.asked, {}, [](const partition* p) { return p->topic; });
}

/// In a session only those whose offset is another than the broker has.
void consumer_core::name_partitions(node& n) {
  request_partitions_.clear();
  request_topics_.clear();
  request_partitions_.reserve(n.asked.size());
  for (partition* p : n.asked) {
    if (n.session_epoch != 0 && p->told == p->asked) continue;
    p->told = p->asked;
    if (request_topics_.empty() || request_topics_.back().topic.data() != p->topic->data()) {
      request_topics_.push_back({.topic = *p->topic, .partitions = {}});
      request_topics_.back().partitions = {request_partitions_.data() + request_partitions_.size(), size_t{0}};
    }
    request_partitions_.push_back(
        {.partition = p->index, .fetch_offset = p->asked, .partition_max_bytes = options_.partition_bytes});
    auto& of_topic = request_topics_.back().partitions;
    of_topic = {of_topic.data(), of_topic.size() + 1};
  }
}

void consumer_core::send_fetch(node& n, int32_t max_wait_ms) {
  fetch_request request;
  request.max_wait_ms = max_wait_ms;
  request.session_id = n.session;
  request.session_epoch = n.session_epoch;
  request.min_bytes = options_.min_bytes;
  request.max_bytes = options_.max_bytes;
  request.topics = {request_topics_.data(), request_topics_.size()};
  n.on_the_way = true;
  n.assignment = assignment_;
  n.asked_at = core_.effects().clock();
  ++flying_;
  n.link->send(n.asking, request,
               {.key = fetch_request::api_key,
                .version = n.version,
                .timeout = client_.options().request_timeout + options_.max_wait});
}

// ---- in

std::unique_ptr<consumer_core::parcel> consumer_core::fresh_parcel() {
  if (idle_parcels_.empty()) return std::make_unique<parcel>();
  std::unique_ptr<parcel> one = std::move(idle_parcels_.back());
  idle_parcels_.pop_back();
  one->what.partitions.clear();
  one->parts.clear();
  return one;
}

/// The answer to a request that named all partitions says whether there is a session; within it requests have the epochs 1,
/// 2, ... False: the broker has refused; where that was the session, the next request begins another.
bool consumer_core::hear_of_session(node& n, const fetch_response& answer) {
  const int32_t epoch = n.session_epoch;
  if (answer.error_code != code::none || (epoch != 0 && answer.session_id != n.session)) return false;
  n.session = answer.session_id;
  const int32_t next = epoch == std::numeric_limits<int32_t>::max() ? 1 : epoch + 1;
  n.session_epoch = n.session == 0 ? 0 : next;
  return true;
}

/// Has the broker forget it, as far as it can be reached: it keeps a session for who went without a word until it needs the
/// place.
void consumer_core::end_session(node& n) {
  if (n.session == 0 || !n.link->is_open()) return;
  n.session_epoch = -1;
  n.asked.clear();
  name_partitions(n);
  send_fetch(n, 0);
  n.session = 0;
}

void consumer_core::take_answer(node& n, arrival& got) {
  std::unique_ptr<parcel> one = fresh_parcel();
  base::bytes body = got.body;
  if (got.whole != nullptr) {
    std::swap(one->what.frame, *got.whole);  // the bytes stay where they are
  } else {
    one->what.frame.assign(body.begin(), body.end());
    body = one->what.frame;
  }
  memory_.reset();
  reader in(body);
  const auto answer = decode<fetch_response>(in, n.version, memory_);
  const bool named_all = n.session_epoch == 0;
  const bool good = answer && hear_of_session(n, *answer);
  if (n.assignment != assignment_ || closing_) return;
  if (!good) {
    n.session_epoch = 0;
    if (!answer) {
      lose_all(n, answer.error());
    } else if (named_all) {
      lose_all(n, base::fail(base::errc::refused, answer->error_code).what);
    }
    return;
  }
  if (troubled_) answer_trouble(n);
  size_t guess = 0;
  for (const fetch_response_fetchable_topic& t : answer->responses) {
    for (const fetch_response_partition_data& p : t.partitions) {
      partition* asked = find(t.topic, p.partition_index, n, guess++);
      if (asked != nullptr) take_partition(*one, *asked, p);
    }
  }
  if (one->parts.empty()) {
    idle_parcels_.push_back(std::move(one));
    return;
  }
  one->from = &n;
  one->what.asked = n.asked_at;
  one->what.answered = core_.effects().clock();
  ++n.waiting;
  arrived_.push_back(std::move(one));
  changed_.wake_all();
}

consumer_core::partition* consumer_core::find(std::string_view topic, int32_t index, node& n, size_t guess) {
  const auto name = [](const partition* p) { return std::pair(std::string_view(*p->topic), p->index); };
  const std::pair wanted(topic, index);
  partition* found = guess < n.asked.size() ? n.asked[guess] : nullptr;
  if (found == nullptr || name(found) != wanted) {
    const auto at = std::ranges::lower_bound(partitions_, wanted, {}, [&](const auto& p) { return name(p.get()); });
    found = at != partitions_.end() && name(at->get()) == wanted ? at->get() : nullptr;
  }
  return found != nullptr && found->leader == &n ? found : nullptr;
}

/// It has an error that does not pass, and is asked for no more.
void consumer_core::end_partition(partition& p, base::error why) {
  p.ended = true;
  note_trouble(p, why);
  ++shares_;
}

void consumer_core::take_partition(parcel& to, partition& p, const fetch_response_partition_data& answer) {
  fetched_partition out{.topic = p.topic,
                        .partition = p.index,
                        .from = p.asked,
                        .next = p.asked,
                        .high_watermark = answer.high_watermark,
                        .batches = {},
                        .why = {}};
  if (answer.error_code != code::none) {
    const base::error why = base::fail(base::errc::refused, answer.error_code).what;
    if (retriable(answer.error_code)) return lose_leader(p, why);
    out.why = why;
    end_partition(p, why);
  } else {
    const base::bytes all = answer.records.value_or(base::bytes());
    record::batch_iterator batches(all);
    while (!batches.done()) {
      const auto batch = batches.next();
      if (!batch) {
        if (batch.error().code != base::errc::truncated) out.why = batch.error();
        break;  // the last one is cut off where an answer is full
      }
      out.next = std::max(out.next, batch->last_offset().value() + 1);
    }
    out.batches = all.first(batches.position());
    if (out.why) end_partition(p, *out.why);
    if (out.batches.empty() && !out.why) return;
    p.asked = out.next;
  }
  to.what.partitions.push_back(out);
  to.parts.push_back(&p);
}

void consumer_core::flight_ended(node& n) {
  n.on_the_way = false;
  --flying_;
  if (flying_ == 0 && !given_ && arrived_.empty()) former_.clear();
  if (closing_) return changed_.wake_all();
  ask(n);
}

void consumer_core::flight_failed(node& n, base::error why) {
  n.session_epoch = 0;
  if (n.assignment == assignment_) lose_all(n, why);
  flight_ended(n);
}

}  // namespace millrace::client
