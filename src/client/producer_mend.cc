#include <algorithm>
#include <map>
#include <utility>

#include "client/kafka_code.hh"
#include "client/producer_core.hh"
#include "reactor/wait.hh"

/// Partitions whose leader went, or said that it is none: who leads them now, and a connection to it.

namespace millrace::client {

using base::result;
using reactor::task;

producer_node& producer_core::node(int32_t id) {
  for (auto& n : nodes_) {
    if (n->id == id) return *n;
  }
  nodes_.push_back(std::make_unique<producer_node>());
  nodes_.back()->id = id;
  return *nodes_.back();
}

void producer_core::lose_leader(producer_partition& p) {
  static_cast<base::list_hook<sending_tag>&>(p).unlink();
  static_cast<base::list_hook<opening_tag>&>(p).unlink();
  p.leader = nullptr;
  if (mending_ || closing_) return;
  mending_ = true;
  tasks_.spawn(mend(), "producer mends");
}

void producer_core::lose_node(producer_node& n) {
  each_partition([&](producer_partition& p) {
    if (p.leader == &n) lose_leader(p);
  });
}

task<result<void>> producer_core::connect_partition(producer_partition* p) {
  CO_TRY(const int32_t leader, client_.leader_of(topics_[p->topic].name, p->index));
  CO_TRY(connection * link, co_await client_.to(leader));
  if (closing_) co_return base::fail(base::errc::closed);
  producer_node& n = node(leader);
  n.link = link;
  p->leader = &n;
  p->recovering = p->in_requests > 0;
  if (p->open != nullptr) n.opening.push_back(*p);
  enqueue(*p);
  core_.at_turn_end(*this);
  co_return result<void>();
}

/// Until every partition has a leader again. Whatever fails on the way is tried again: what is too old expires meanwhile.
task<void> producer_core::mend() {
  base::duration pause = client_.options().backoff_least;
  // What was mended a moment ago and is broken again is given time.
  if (core_.now() < mend_not_before_) co_await reactor::sleep(core_, mend_not_before_ - core_.now());
  while (!closing_ && !complete()) {
    for (size_t t = 0; t < topics_.size() && !closing_; ++t) {
      const bool broken = std::ranges::any_of(topics_[t].partitions, [](auto& p) { return p->leader == nullptr; });
      if (broken) co_await mend_topic(t);
    }
    expire();
    if (closing_ || complete()) break;
    co_await reactor::sleep(core_, pause);
    pause = std::min(pause * 2, client_.options().backoff_most);
  }
  mend_not_before_ = core_.now() + client_.options().backoff_least;
  mending_ = false;
}

/// Asks who leads the partitions of a topic that have no leader, and connects to those.
task<void> producer_core::mend_topic(size_t topic) {
  std::string name = topics_[topic].name;
  const result<void> asked = co_await client_.refresh_now(std::move(name));
  if (closing_) co_return;
  // That one partition has no leader says nothing about the others.
  const bool of_all = !asked && asked.error() != base::fail(base::errc::refused, code::leader_not_available).what;
  std::map<int32_t, base::error> down;
  for (size_t i = 0; i < topics_[topic].partitions.size(); ++i) {
    producer_partition* p = topics_[topic].partitions[i].get();
    if (p->leader != nullptr) continue;
    if (of_all) note_trouble(*p, asked.error());
    if (!asked && asked.error().code != base::errc::refused) continue;
    const result<int32_t> leader = client_.leader_of(topics_[topic].name, p->index);
    if (leader && down.contains(*leader)) {
      note_trouble(*p, down.at(*leader));
      continue;
    }
    const result<void> connected = co_await connect_partition(p);
    if (closing_) co_return;
    if (connected) continue;
    note_trouble(*p, connected.error());
    if (leader) down.emplace(*leader, connected.error());
  }
}

bool producer_core::complete() const {
  bool all = true;
  each_partition([&](const producer_partition& p) { all = all && p.leader != nullptr; });
  return all;
}

/// What has waited for its leader for too long.
void producer_core::expire() {
  each_partition([&](producer_partition& p) {
    if (p.leader != nullptr) return;
    if (p.open != nullptr && p.open->begun + options_.delivery_timeout <= core_.now()) close_batch(p);
    expire_ready(p);
  });
}

void producer_core::expire_ready(producer_partition& p) {
  while (!p.ready.empty() && p.ready.front().begun + options_.delivery_timeout <= core_.now()) {
    if (!p.trouble.stands()) note_trouble(p, base::fail(base::errc::timed_out).what);
    if (options_.idempotent) p.lost = true;
    fail_batch(p.ready.pop_front(), cause(p));
  }
}

}  // namespace millrace::client
