#include "workload/member.hh"

#include <algorithm>

namespace millrace::swarm {

using reactor::task;

namespace {
/// Kafka's codes.
constexpr int16_t load_in_progress = 14;
constexpr int16_t coordinator_not_available = 15;
constexpr int16_t not_coordinator = 16;
constexpr int16_t illegal_generation = 22;
constexpr int16_t unknown_member_id = 25;
constexpr int16_t rebalance_in_progress = 27;
constexpr int16_t group_id_not_found = 69;
constexpr int16_t fenced_instance_id = 82;
}  // namespace

void member::be_of(group_model& group, unsigned number) {
  const group_workload& o = options_.groups;
  group_ = &group;
  number_ = number;
  if (random_.chance(o.static_members)) instance_ = group.name + "-" + std::to_string(number);
  session_ = base::milliseconds(random_.between(6000, o.session_most.ms()));
  rebalance_ = base::milliseconds(random_.between(500, o.rebalance_most.ms()));
  group.standing.outside(number);
}

task<void> member::run() {
  co_await pause_up_to(base::milliseconds(500));
  while (!model_.groups_over && !model_.found.any() && !retired_) {
    const bool connected = co_await ready();
    if (!connected) continue;
    const bool good = co_await next();
    if (!good) co_await lose_connection();
    co_await pause_up_to(good ? think_most() : base::milliseconds(50));
  }
  // Some say goodbye at the end, and others do not.
  if (link_.connected() && phase_ == phase::inside && random_.chance(0.5)) {
    const bool left = co_await leave();
    if (!left) co_await link_.drop();
  }
  co_await link_.drop();
}

/// While groups settle it is in no hurry: that may take minutes.
base::duration member::think_most() const {
  const base::duration drawn = options_.groups.think_most;
  return model_.groups_calm ? std::max(drawn, base::milliseconds(100)) : drawn;
}

task<bool> member::next() {
  bool good = true;
  if (!found_coordinator_) {
    good = co_await find_coordinator();
    co_return good;
  }
  switch (phase_) {
    case phase::joining:
      good = co_await join();
      break;
    case phase::syncing:
      good = co_await sync();
      break;
    case phase::inside:
      good = co_await live();
      break;
  }
  co_return good;
}

/// One step of a member that has its share.
task<bool> member::live() {
  bool good = true;
  const bool leads = !dealt_to_.empty();
  if (misses_topics() && (leads || random_.chance(0.1))) {
    // Kafka's leaders do so; a static leader of an old version may not know that it is one.
    if (!leads) say_something_else();
    rejoin();
    co_return true;
  }
  if (!model_.groups_calm && random_.chance(options_.groups.restless)) {
    const uint64_t way = random_.below(4);
    if (way == 0) {
      say_something_else();
      rejoin();
    } else {
      if (way == 1) good = co_await leave();
      co_await stay_away();
    }
    co_return good;
  }
  const uint64_t what = fetch_first_ ? 9 : random_.below(10);
  // Now and then it speaks as one that missed a rebalance: that must be refused, and changes nothing.
  const int32_t generation = random_.chance(0.05) ? generation_ - 1 : generation_;
  if (what < 5 || owned_.empty()) {
    good = co_await heartbeat(generation);
  } else if (what < 9) {
    good = co_await commit(generation);
  } else {
    good = co_await fetch();
  }
  co_return good;
}

/// It is gone: without a word, unless it has left.
task<void> member::stay_away() {
  co_await link_.drop();
  come_back_as_another();
  // The last one stays.
  if (group_->standing.living() > 1 && random_.chance(0.1)) {
    group_->standing.left(number_);
    retired_ = true;
    co_return;
  }
  co_await pause_up_to(base::milliseconds(3000));
}

task<void> member::lose_connection() {
  co_await link_.drop();
  // The broker may be another one by now: what has it kept?
  fetch_first_ = !owned_.empty();
  if (random_.chance(0.5)) found_coordinator_ = false;
  if (!commit_is_out_) co_return;
  commit_is_out_ = false;
  say_something_else();
  if (random_.chance(0.2)) {
    come_back_as_another();
  } else {
    rejoin();
  }
}

// ---- where it stands

void member::rejoin() {
  phase_ = phase::joining;
  owned_.clear();
  group_->standing.outside(number_);
}

void member::come_back_as_another() {
  id_.clear();
  rejoin();
}

void member::say_something_else() { ++revision_; }

/// Whether the group was given other partitions than there are.
bool member::misses_topics() const {
  const std::vector<std::string>* const dealt = group_->dealt(generation_);
  const std::set<std::string> live = model_.live_partitions();
  return dealt == nullptr || !std::ranges::equal(*dealt, live);
}

/// What it does about an error that every answer of a group may have.
/// `generation`: of which the request spoke.
void member::refused_by_group(const char* what, int32_t generation, int16_t code, base::instant since) {
  ++model_.refused;
  switch (code) {
    case illegal_generation:
      if (generation < generation_) return;
      return rejoin();
    case rebalance_in_progress:
      return rejoin();
    case unknown_member_id:
    case group_id_not_found:
    case fenced_instance_id:
      return come_back_as_another();
    case coordinator_not_available:
    case not_coordinator:
      found_coordinator_ = false;
      break;
    case load_in_progress:
      break;
    default:
      return model_.safety("errors_have_reason",
                           std::string(what) + " of " + group_->name + " is refused with " + std::to_string(code));
  }
  if (options_.tight_memory() || !model_.watch.quiet_since(since - base::seconds(5))) return;
  model_.safety("errors_have_reason",
                std::string(what) + " of " + group_->name + " is refused with " + std::to_string(code));
}

}  // namespace millrace::swarm
