#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "client/consumer_core.hh"
#include "client/kafka_code.hh"
#include "reactor/wait.hh"

namespace millrace::client {

using base::result;
using reactor::task;
using namespace wire::kafka;

consumer_core::node& consumer_core::node_of(int32_t id) {
  for (auto& n : nodes_) {
    if (n->id == id) return *n;
  }
  nodes_.push_back(std::make_unique<node>(*this, id));
  return *nodes_.back();
}

void consumer_core::note_trouble(partition& p, base::error why) {
  p.trouble.note(why, core_.now());
  troubled_ = true;
}

/// By a good answer of the leader.
void consumer_core::answer_trouble(const node& n) {
  for (partition* p : n.asked) {
    if (p->leader == &n && !p->ended) p->trouble.clear();
  }
  troubled_ = std::ranges::any_of(partitions_, [](const auto& p) { return p->trouble.stands() && !p->ended; });
}

void consumer_core::lose_leader(partition& p, base::error why) {
  note_trouble(p, why);
  p.leader = nullptr;
  ++shares_;
  if (mending_ || closing_) return;
  mending_ = true;
  tasks_.spawn(mend(), "consumer mends");
}

void consumer_core::lose_all(node& n, base::error why) {
  for (partition* p : std::exchange(n.asked, {})) lose_leader(*p, why);
}

task<result<void>> consumer_core::connect_partition(partition* p) {
  const uint64_t mine = assignment_;
  CO_TRY(const int32_t leader, client_.leader_of(*p->topic, p->index));
  CO_TRY(connection * link, co_await client_.to(leader));
  if (closing_ || mine != assignment_) co_return base::fail(base::errc::closed);
  node& n = node_of(leader);
  n.link = link;
  p->leader = &n;
  ++shares_;
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
    const bool asked = co_await ask_leaders();
    if (asked) co_await connect_leaders();
    for (auto& n : nodes_) ask(*n);
    if (closing_ || complete()) break;
    co_await reactor::sleep(core_, pause);
    pause = std::min(pause * 2, client_.options().backoff_most);
  }
  mend_not_before_ = core_.now() + client_.options().backoff_least;
  mending_ = false;
}

/// Asks for the leaders of partitions that have none. False: some broker gave no answer, or others are read meanwhile.
task<bool> consumer_core::ask_leaders() {
  const uint64_t mine = assignment_;
  std::set<std::string> broken;
  for (const auto& p : partitions_) {
    if (p->leader == nullptr && !p->ended) broken.insert(*p->topic);
  }
  bool answered = true;
  for (const std::string& name : broken) {
    const result<void> one = co_await client_.refresh_now(name);
    if (closing_ || mine != assignment_) co_return false;
    if (one) continue;
    answered = answered && one.error().code == base::errc::refused;
    // That one partition has no leader says nothing about the others.
    if (one.error() == base::fail(base::errc::refused, code::leader_not_available).what) continue;
    for (const auto& p : partitions_) {
      if (p->leader == nullptr && !p->ended && *p->topic == name) note_trouble(*p, one.error());
    }
  }
  co_return answered;
}

/// Connects partitions that have no leader to those that are known.
task<void> consumer_core::connect_leaders() {
  const uint64_t mine = assignment_;
  std::map<int32_t, base::error> down;
  for (size_t i = 0; i < partitions_.size(); ++i) {
    partition* p = partitions_[i].get();
    if (p->leader != nullptr || p->ended) continue;
    const result<int32_t> leader = client_.leader_of(*p->topic, p->index);
    if (leader && down.contains(*leader)) {
      note_trouble(*p, down.at(*leader));
      continue;
    }
    const result<void> connected = co_await connect_partition(p);
    if (closing_ || mine != assignment_) co_return;
    if (connected) continue;
    note_trouble(*p, connected.error());
    if (leader) down.emplace(*leader, connected.error());
  }
}

}  // namespace millrace::client
