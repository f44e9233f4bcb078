#include <algorithm>
#include <memory>
#include <set>

#include "base/prng.hh"
#include "group_driver.hh"

/// Clients that do anything at any time, over a log that fails and a coordinator that moves. A model of what may never be
/// watches; now and then all become well-behaved, and everybody must get an answer.

namespace millrace::broker {

using namespace test;
using base::milliseconds;
using base::seconds;

namespace {

class group_world {
 public:
  explicit group_world(uint64_t seed) : rng_(seed), chaos_(0.4 * rng_.unit()) {
    clients_.resize(8);
    for (size_t i = 0; i < clients_.size(); ++i) {
      group_client& c = clients_[i];
      c.name = std::string(1, static_cast<char>('a' + i));
      c.id_required = i < 3;
      c.may_skip = i != 6;
      // In some runs two claim one instance, and fence each other.
      if (i >= 5) c.instance = "i" + std::to_string(i == 7 && seed % 4 == 0 ? 6 : i);
      c.rebalance = seconds(rng_.between(5, 60));
      c.session = seconds(rng_.between(6, 30));
      shuffle_protocols(c);
    }
    start();
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      check();
    }
    settle();
  }

  int syncs_assigned = 0;  ///< that the run is worth something
  uint64_t digest = 0;     ///< of all that was said

 private:
  // ---- what may happen

  void step() {
    if (rng_.chance(chaos_)) return misbehave(clients_[rng_.below(clients_.size())]);
    switch (rng_.below(4)) {
      case 0:
        return note(d_->pass(milliseconds(rng_.between(0, 2000))));
      case 1:
        return write_ends();
      case 2:
        return as_it_should(clients_[rng_.below(clients_.size())]);
      default:
        for (group_client& c : clients_) as_it_should(c);
    }
  }

  void misbehave(group_client& c) {
    switch (rng_.below(10)) {
      case 0:
        return note(d_->pass(seconds(rng_.between(1, 90))));
      case 1:
        return drop_connection(c);
      case 2:
        return start_again(c);
      case 3:
        return note(d_->leave(c));
      case 4:
        return note(d_->join(c));
      case 5:
        return note(d_->sync(c, assignment_by(c)));
      case 6:
        return shuffle_protocols(c);
      case 7:
        return ask_with_another_generation(c);
      case 8:
        return note(d_->remove());
      default:
        if (rng_.chance(0.3)) restart();
    }
  }

  /// As a good client goes on.
  void as_it_should(group_client& c) {
    if (is_waiting(c)) return;
    if (c.id.empty() || c.generation < 0 || wants_to_join_.contains(c.name)) {
      wants_to_join_.erase(c.name);
      note(d_->join(c));
      if (c.error == group_error::unknown_member_id || c.error == group_error::fenced_instance_id) forget(c);
    } else if (!synced_.contains(c.name)) {
      synced_.insert(c.name);
      note(d_->sync(c, assignment_by(c)));
    } else {
      beat(c);
    }
  }

  void beat(group_client& c) {
    const group_error e = d_->tested.heartbeat(c.reference(), d_->now);
    if (e == group_error::none || e == group_error::rebalance_in_progress) CHECK(is_current(c));
    if (d_->commit(c) == "none") CHECK(is_current(c));
    if (e == group_error::rebalance_in_progress || e == group_error::illegal_generation) rejoin(c);
    if (e == group_error::unknown_member_id || e == group_error::fenced_instance_id) forget(c);
  }

  void ask_with_another_generation(const group_client& c) {
    group_client other = c;
    other.generation = d_->tested.generation() + (rng_.chance(0.5) ? 1 : -1);
    if (other.generation < 0) return;
    const group_error e = d_->tested.heartbeat(other.reference(), d_->now);
    CHECK(e != group_error::none);
    CHECK(e != group_error::rebalance_in_progress);
    CHECK(d_->commit(other) != "none");
    CHECK(d_->sync(other) != "");  // refused at once: `other` must not wait
  }

  void drop_connection(group_client& c) {
    if (!is_waiting(c)) return;
    note(d_->gone(c));
    rejoin(c);
  }
  void start_again(group_client& c) {
    while (is_waiting(c)) note(d_->gone(c));
    forget(c);
  }
  void forget(group_client& c) {
    c.id.clear();
    c.generation = -1;
    synced_.erase(c.name);
  }
  void rejoin(const group_client& c) {
    wants_to_join_.insert(c.name);
    synced_.erase(c.name);
  }

  void write_ends() {
    if (d_->held.empty()) return;
    const group_write_id id = d_->held.front();
    const bool fails = rng_.chance(0.15);
    if (!fails) durable_ = writes_.at(id.value());
    note(d_->written(fails ? group_error::coordinator_not_available : group_error::none));
    if (d_->tested.state() == group_state::dead && d_->tested.idle()) start();
  }

  /// The coordinator moves: what is durable is all that it knows then.
  void restart() {
    note(d_->unload());
    CHECK(d_->waiting.empty());
    CHECK(d_->commons.bytes() == 0);
    start();
  }

  void start() {
    const base::instant now = d_ ? d_->now : base::instant{};
    const int fresh = d_ ? d_->last_fresh : 0;
    // In some runs the group is too small for all, or has too little memory.
    const group_options options{.initial_rebalance_delay = milliseconds(rng_.between(0, 3000)),
                                .size_max = rng_.seed() % 7 == 0 ? size_t{4} : size_t{INT32_MAX}};
    d_ = std::make_unique<group_driver>(options, rng_.seed() % 5 == 0 ? 6000 : 1 << 20);
    d_->now = std::max(d_->now, now);
    d_->last_fresh = fresh;
    d_->hold_writes = true;
    d_->watch = [this](const group_effects& out) { watch(out); };
    protocol_.clear();
    generation_ = 0;
    writes_.clear();
    if (durable_) CHECK(d_->restore(*durable_) == "");
  }

  // ---- what must hold

  void watch(const group_effects& out) {
    for (const group_write& w : out.writes) writes_[w.id.value()] = w.value;
    for (const join_answer& a : out.joins) {
      if (a.error != group_error::none) continue;
      CHECK(a.generation >= generation_);
      generation_ = a.generation;
      const auto [known, first] = protocol_.emplace(a.generation, *a.protocol);
      CHECK(known->second == *a.protocol);
      CHECK((a.members.empty() || a.leader == a.member_id));
      CHECK((a.leader != a.member_id || !a.members.empty()));
    }
    for (const sync_answer& a : out.syncs) {
      if (a.error != group_error::none) continue;
      CHECK(is_durable(d_->waiting.at(a.to.value())->id, a.assignment));
      ++syncs_assigned;
    }
  }

  /// Nobody acts on an assignment that a crash would take back.
  bool is_durable(const std::string& id, const opaque& assignment) const {
    if (!durable_) return false;
    return std::ranges::any_of(durable_->members,
                               [&](const stored_member& m) { return m.member_id == id && m.assignment == assignment; });
  }

  void check() {
    group& g = d_->tested;
    CHECK(g.bytes() == d_->commons.bytes());
    CHECK(g.generation() >= generation_);
    const group_description shown = g.describe();
    std::set<std::string> ids;
    std::set<std::string> instances;
    for (const stored_member& m : shown.members) {
      CHECK(ids.insert(m.member_id).second);
      if (m.instance_id) CHECK(instances.insert(*m.instance_id).second);
    }
    const bool has_leader = shown.state == group_state::completing_rebalance || shown.state == group_state::stable;
    if (has_leader) CHECK(ids.contains(std::string(g.leader())));
    if (shown.state == group_state::empty || shown.state == group_state::dead) CHECK(ids.empty());
    if (!d_->waiting.empty()) CHECK((g.next_deadline() != base::instant::never() || !d_->held.empty()));
  }

  /// Nobody comes any more, and the log works: all that wait are answered, then all sessions end.
  void settle() {
    const auto quiet = [&] {
      while (!d_->held.empty()) write_ends();
      note(d_->pass(seconds(10)));
    };
    for (int i = 0; i < 100; ++i) quiet();
    CHECK(d_->waiting.empty());
    CHECK(d_->tested.idle());
    CHECK(d_->commons.bytes() == 0);
  }

  bool is_current(const group_client& c) {
    const group_description shown = d_->tested.describe();
    return c.generation == d_->tested.generation() &&
           std::ranges::any_of(shown.members, [&](const stored_member& m) { return m.member_id == c.id; });
  }
  bool is_waiting(const group_client& c) const {
    return std::ranges::any_of(d_->waiting, [&](const auto& w) { return w.second == &c; });
  }

  assignments assignment_by(const group_client& c) {
    assignments given;
    for (const std::string& id : c.led) given.emplace_back(id, c.name + std::to_string(c.generation) + " for " + id);
    return given;
  }
  void shuffle_protocols(group_client& c) {
    c.protocols = {{"range", blob("r")}, {"sticky", blob("s")}};
    if (rng_.chance(0.5)) std::swap(c.protocols[0], c.protocols[1]);
    if (rng_.chance(0.3)) c.protocols.push_back({"own of " + c.name, {}});
    if (rng_.chance(0.3)) c.protocols[0].metadata = blob("changed");
  }
  /// Who got a new generation has not synced in it.
  void note(const std::string& said) {
    digest = base::hash_combine(digest, base::fnv1a(said));
    for (group_client& c : clients_) {
      if (said.find(c.name + ": joined") != std::string::npos) synced_.erase(c.name);
      if (said.find(c.name + ": sync ") != std::string::npos) rejoin(c);
      if (said.find(c.name + ": unknown_member_id") != std::string::npos) forget(c);
    }
  }

  base::prng rng_;
  const double chaos_;  ///< how often something happens that need not
  std::vector<group_client> clients_;
  std::unique_ptr<group_driver> d_;
  std::set<std::string> wants_to_join_;
  std::set<std::string> synced_;
  std::map<uint64_t, std::optional<stored_group>> writes_;
  std::optional<stored_group> durable_;
  std::map<int32_t, std::string> protocol_;  ///< by generation, since the coordinator began
  int32_t generation_ = 0;
};

}  // namespace

TEST_CASE("group: whatever its clients, its log and its coordinator do, the rules hold and nobody waits for ever") {
  int assigned = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    group_world w(seed);
    w.run(500);
    assigned += w.syncs_assigned;
  }
  CHECK(assigned > 3000);
}

TEST_CASE("group: the same events have the same effects") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    group_world first(seed);
    first.run(500);
    const auto elsewhere = std::make_unique<std::string>(1000, 'x');  // other addresses
    group_world second(seed);
    second.run(500);
    CHECK(first.digest == second.digest);
  }
}

}  // namespace millrace::broker
