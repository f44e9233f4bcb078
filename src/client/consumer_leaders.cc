#include <algorithm>
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

void consumer_core::lose_leader(partition& p) {
  p.leader = nullptr;
  ++shares_;
  if (mending_ || closing_) return;
  mending_ = true;
  tasks_.spawn(mend(), "consumer mends");
}

void consumer_core::lose_all(node& n) {
  for (partition* p : std::exchange(n.asked, {})) lose_leader(*p);
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
