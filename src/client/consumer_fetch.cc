#include <algorithm>
#include <set>

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

consumer_core::node& consumer_core::node_of(int32_t id) {
  for (auto& n : nodes_) {
    if (n->id == id) return *n;
  }
  nodes_.push_back(std::make_unique<node>(*this, id));
  return *nodes_.back();
}

// ---- out

/// The next fetch, unless one is on the way or enough waits to be taken.
void consumer_core::ask(node& n) {
  if (n.on_the_way || n.waiting >= options_.ahead || closing_ || n.link == nullptr) return;
  n.asked.clear();
  for (auto& p : partitions_) {
    if (p->leader == &n && !p->ended) n.asked.push_back(p.get());
  }
  if (n.asked.empty()) return;
  if (!n.link->is_open()) {
    for (partition* p : n.asked) lose_leader(*p);
    return;
  }
  const auto version = n.link->version_of<fetch_request>(version_most);
  if (!version) return;
  n.version = *version;
  // A broker fills its answer in the order of the request: each is first in turn.
  std::rotate(n.asked.begin(), n.asked.begin() + static_cast<ptrdiff_t>(n.turn++ % n.asked.size()), n.asked.end());
  std::ranges::stable_sort(n.asked, {}, [](const partition* p) { return p->topic; });
  encode(n);
}

void consumer_core::encode(node& n) {
  request_partitions_.clear();
  request_topics_.clear();
  request_partitions_.reserve(n.asked.size());
  for (const partition* p : n.asked) {
    if (request_topics_.empty() || request_topics_.back().topic.data() != p->topic->data()) {
      request_topics_.push_back({.topic = *p->topic, .partitions = {}});
      request_topics_.back().partitions = {request_partitions_.data() + request_partitions_.size(), size_t{0}};
    }
    request_partitions_.push_back(
        {.partition = p->index, .fetch_offset = p->asked, .partition_max_bytes = options_.partition_bytes});
    auto& of_topic = request_topics_.back().partitions;
    of_topic = {of_topic.data(), of_topic.size() + 1};
  }
  fetch_request request;
  request.max_wait_ms = static_cast<int32_t>(options_.max_wait.ms());
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

void consumer_core::take_answer(node& n, arrival& got) {
  if (n.assignment != assignment_ || closing_) return;
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
  if (!answer || answer->error_code != code::none) {
    for (partition* p : n.asked) lose_leader(*p);
    return;
  }
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
  const auto is = [&](const partition* p) { return p->index == index && *p->topic == topic; };
  if (guess < n.asked.size() && is(n.asked[guess])) return n.asked[guess];
  const auto at = std::ranges::find_if(n.asked, is);
  return at == n.asked.end() ? nullptr : *at;
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
    if (retriable(answer.error_code)) return lose_leader(p);
    out.why = base::fail(base::errc::refused, answer.error_code).what;
    p.ended = true;
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
    if (out.why) p.ended = true;
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

void consumer_core::flight_failed(node& n) {
  if (n.assignment == assignment_) {
    for (partition* p : n.asked) lose_leader(*p);
  }
  n.asked.clear();
  flight_ended(n);
}

// ---- leaders

void consumer_core::lose_leader(partition& p) {
  p.leader = nullptr;
  if (mending_ || closing_) return;
  mending_ = true;
  tasks_.spawn(mend(), "consumer mends");
}

task<result<void>> consumer_core::connect_partition(partition* p) {
  const uint64_t mine = assignment_;
  const topic_metadata* known = client_.known(*p->topic);
  const auto index = static_cast<size_t>(p->index);
  const bool there = known != nullptr && p->index >= 0 && index < known->partitions.size();
  const int32_t leader = there ? known->partitions[index].leader : -1;
  if (!there) co_return base::fail(base::errc::refused, code::unknown_topic_or_partition);
  CO_TRY(connection * link, co_await client_.to(leader));
  if (closing_ || mine != assignment_) co_return base::fail(base::errc::closed);
  node& n = node_of(leader);
  n.link = link;
  p->leader = &n;
  co_return result<void>();
}

bool consumer_core::complete() const {
  return std::ranges::none_of(partitions_, [](const auto& p) { return p->leader == nullptr && !p->ended; });
}

/// Until every partition has a leader again.
task<void> consumer_core::mend() {
  base::duration pause = client_.options().backoff_least;
  // What was mended a moment ago and is broken again is given time.
  if (core_.now() < mend_not_before_) co_await reactor::sleep(core_, mend_not_before_ - core_.now());
  while (!closing_ && !complete()) {
    const uint64_t mine = assignment_;
    std::set<std::string> broken;
    for (const auto& p : partitions_) {
      if (p->leader == nullptr && !p->ended) broken.insert(*p->topic);
    }
    bool asked = true;
    for (const std::string& name : broken) {
      const result<void> one = co_await client_.refresh_now(name);
      asked = asked && (one.ok() || one.error().code == base::errc::refused);
    }
    std::set<int32_t> down;
    for (size_t i = 0; asked && !closing_ && mine == assignment_ && i < partitions_.size(); ++i) {
      partition* p = partitions_[i].get();
      if (p->leader != nullptr || p->ended) continue;
      const topic_metadata* known = client_.known(*p->topic);
      const auto index = static_cast<size_t>(p->index);
      if (known == nullptr || index >= known->partitions.size() || down.contains(known->partitions[index].leader)) continue;
      const int32_t leader = known->partitions[index].leader;
      const result<void> connected = co_await connect_partition(p);
      if (!connected) down.insert(leader);
    }
    for (auto& n : nodes_) ask(*n);
    if (closing_ || complete()) break;
    co_await reactor::sleep(core_, pause);
    pause = std::min(pause * 2, client_.options().backoff_most);
  }
  mend_not_before_ = core_.now() + client_.options().backoff_least;
  mending_ = false;
}

}  // namespace millrace::client
