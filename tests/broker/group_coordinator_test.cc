#include <doctest/doctest.h>

#include "broker/catalog/names.hh"
#include "broker/group/group_coordinator.hh"
#include "broker/group/parked_call.hh"
#include "broker_node.hh"

/// Coordinators in the simulated world: what crashes, stops and floods leave of groups. Doors are tested in tests/api.

namespace millrace::broker {
namespace {

using test::broker_node;
using test::numbered;

const std::string topic = "t";

/// A group's coordinator on a node, asked from core 0 as doors do.
class coordinators {
 public:
  explicit coordinators(broker_node& node) : b(node) {}

  void make_topics() {
    REQUIRE(!b.create({.name = topic, .partitions = 4, .assignment = {}, .configs = {}}).error);
    REQUIRE(!b.create({.name = std::string(consumer_offsets_topic), .assignment = {}, .configs = {}}).error);
  }
  base::core_id owner(const std::string& group) const { return place_of_group(b.seen(), group)->owner; }
  group_coordinator& of(const std::string& group) { return *b.groups[owner(group).value()]; }

  static commit_request request(const std::string& group, int32_t partition, int64_t offset) {
    commit_request r{.group = group, .from = {}, .commits = {}};
    r.commits.push_back({topic, partition, {.offset = base::offset(offset), .metadata = "m"}});
    return r;
  }
  group_error commit(const std::string& group, int32_t partition, int64_t offset) {
    const commit_request r = request(group, partition, offset);
    const auto done = b.w.run(b.n, owner(group).value(), of(group).commit(&r));
    return done ? *done : group_error::not_coordinator;
  }
  fetched_offsets fetch(const std::string& group) { return of(group).fetch(group, nullptr); }
  /// Waits until what the group's coordinator has to read is read.
  void await_loaded(const std::string& group) {
    REQUIRE(
        b.w.run_until([&] { return fetch(group).error != group_error::coordinator_load_in_progress; }, base::seconds(30)));
  }

 private:
  broker_node& b;
};

join_request joining(std::string instance = {}) {
  join_request r{.member_id = {},
                 .instance_id = instance.empty() ? std::nullopt : std::optional(instance),
                 .client_id = "c",
                 .client_host = "/h",
                 .session_timeout = base::seconds(10),
                 .rebalance_timeout = base::seconds(60),
                 .protocol_type = "consumer",
                 .protocols = {{"range", {1}}},
                 .fresh = "fresh"};
  r.member_id_required = false;
  return r;
}

/// A join on its way, from core 0.
struct waiting_join {
  waiting_join(broker_node& b, group_coordinator& there, base::core_id owner, const std::string& group, join_request r)
      : call(b.n.core(0), there, owner, group, std::move(r)), running(b.w.start(b.n, 0, drive(&call))) {}
  static reactor::task<void> drive(join_call* call) { co_await *call; }
  bool done() { return running->done(); }
  join_call call;
  std::unique_ptr<sim::started<void>> running;
};

}  // namespace

TEST_CASE("coordinator: what was committed survives power cuts, kills and stops, and other numbers of cores") {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    broker_node b(seed, 2);
    REQUIRE(b.start());
    coordinators all(b);
    all.make_topics();
    std::map<std::string, std::map<int32_t, int64_t>> acknowledged;
    int64_t next = 0;
    for (unsigned round = 0; round < 6; ++round) {
      for (unsigned i = 0; i < 20; ++i) {
        const std::string group = numbered("group", (next * 7) % 9);
        const auto partition = static_cast<int32_t>(next % 4);
        all.await_loaded(group);
        REQUIRE(all.commit(group, partition, next) == group_error::none);
        acknowledged[group][partition] = next++;
      }
      if (round % 3 == 2) {
        REQUIRE(b.stop());
      } else {
        b.crash({.kind = round % 3 == 0 ? sim::crash_kind::power : sim::crash_kind::process});
      }
      b.rebuild(1 + round % 3);
      REQUIRE(b.start());
      for (const auto& [group, commits] : acknowledged) {
        CAPTURE(group);
        all.await_loaded(group);
        const fetched_offsets got = all.fetch(group);
        REQUIRE(got.offsets.size() == commits.size());
        for (const fetched_offset& one : got.offsets) {
          CHECK(one.commit->offset.value() == commits.at(one.key.partition));
          CHECK(one.commit->metadata == "m");
        }
      }
    }
  }
}

TEST_CASE("coordinator: a commit that a crash interrupts is there or not, and what was committed before it is") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    broker_node b(seed, 2);
    REQUIRE(b.start());
    coordinators all(b);
    all.make_topics();
    REQUIRE(all.commit("g", 0, 1) == group_error::none);
    const commit_request doubtful = coordinators::request("g", 0, 2);
    auto running = b.w.start(b.n, all.owner("g").value(), all.of("g").commit(&doubtful));
    b.w.run_for(base::microseconds(static_cast<int64_t>(seed) * 5));
    const bool answered = running->done();
    b.w.crash(b.n, {.kind = sim::crash_kind::power});
    running->abandon();
    b.crash();
    b.rebuild(2);
    REQUIRE(b.start());
    all.await_loaded("g");
    const auto got = all.fetch("g");
    REQUIRE(got.offsets.size() == 1);
    const int64_t found = got.offsets[0].commit->offset.value();
    CHECK((found == 2 || (found == 1 && !answered)));
  }
}

TEST_CASE("coordinator: who waits for other members is answered by a stop, and comes home when its connection ends") {
  broker_node b(3, 2);
  REQUIRE(b.start());
  coordinators all(b);
  all.make_topics();
  // An empty group waits for more members: three seconds.
  waiting_join first(b, all.of("g"), all.owner("g"), "g", joining("i1"));
  waiting_join second(b, all.of("g"), all.owner("g"), "g", joining("i2"));
  b.w.run_for(base::milliseconds(10));
  CHECK(!first.done());
  second.call.hurry();
  REQUIRE(b.w.run_until([&] { return second.done(); }, base::milliseconds(10)));
  CHECK(second.call.answer.error == group_error::rebalance_in_progress);
  CHECK(!first.done());
  REQUIRE(b.w.run_until([&] { return first.done(); }, base::seconds(61)));
  CHECK(first.call.answer.error == group_error::none);

  waiting_join third(b, all.of("g"), all.owner("g"), "g", joining("i3"));
  b.w.run_for(base::milliseconds(10));
  CHECK(!third.done());
  REQUIRE(b.stop());
  REQUIRE(third.done());
  CHECK(third.call.answer.error == group_error::not_coordinator);
}

TEST_CASE("coordinator: a call may be called home before it has left, and from any core") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    broker_node b(seed, 3);
    REQUIRE(b.start());
    coordinators all(b);
    all.make_topics();
    for (unsigned i = 0; i < 10; ++i) {
      const std::string group = numbered("g", i);
      waiting_join early(b, all.of(group), all.owner(group), group, joining());
      early.call.hurry();
      REQUIRE(b.w.run_until([&] { return early.done(); }, base::seconds(1)));
      CHECK(early.call.answer.error == group_error::rebalance_in_progress);
    }
  }
}

TEST_CASE("coordinator: a commit for a topic that was deleted is not shown for the next of its name, and is forgotten") {
  broker_node b(5, 2);
  REQUIRE(b.start());
  coordinators all(b);
  all.make_topics();
  const auto commit_for = [&](const base::uuid& id, int32_t partition, int64_t offset) {
    commit_request r = coordinators::request("g", partition, offset);
    r.commits[0].commit.topic_id = id;
    const auto done = b.w.run(b.n, all.owner("g").value(), all.of("g").commit(&r));
    REQUIRE(done);
    CHECK(*done == group_error::none);
  };
  // As if they had come just before the deletion, and the topic had been made again since.
  const base::uuid former = base::uuid::from_random(7, 7);
  const base::uuid now = b.seen().find(topic)->id;
  commit_for(former, 0, 10);
  commit_for(former, 1, 11);
  commit_for(now, 2, 12);
  commit_for({}, 3, 13);  // an older broker did not say
  const std::vector<offset_key> keys{{topic, 0}, {topic, 1}, {topic, 2}, {topic, 3}};
  const auto offsets = [&](const std::vector<offset_key>* asked) {
    std::map<int32_t, int64_t> found;
    for (const fetched_offset& one : all.of("g").fetch("g", asked).offsets) {
      if (one.commit) found[one.key.partition] = one.commit->offset.value();
    }
    return found;
  };
  const std::map<int32_t, int64_t> wanted{{2, 12}, {3, 13}};
  CHECK(offsets(&keys) == wanted);
  CHECK(offsets(nullptr) == wanted);

  commit_for(now, 1, 21);
  all.of("g").topics_changed();
  b.w.run_for(base::milliseconds(100));
  const auto end_of = [&] {
    const group_place place = *place_of_group(b.seen(), "g");
    const auto& partitions = b.seen().find(consumer_offsets_topic)->partitions;
    return b.brokers[place.owner.value()]->find(partitions[static_cast<size_t>(place.partition)].id)->high_watermark();
  };
  CHECK(end_of() == base::offset(6));  // five commits, and one tombstone
  all.of("g").topics_changed();
  b.w.run_for(base::milliseconds(100));
  CHECK(end_of() == base::offset(6));
  CHECK(offsets(nullptr) == std::map<int32_t, int64_t>{{1, 21}, {2, 12}, {3, 13}});
}

TEST_CASE("coordinator: a flood of groups and members stays within its memory, and those that are there go on") {
  broker_node b(4, 1);
  b.coordinators.bytes_max = 256 << 10;
  b.rebuild(1);
  REQUIRE(b.start());
  coordinators all(b);
  all.make_topics();
  REQUIRE(all.commit("first", 0, 1) == group_error::none);
  unsigned refused = 0;
  for (unsigned i = 0; i < 2000; ++i) {
    const group_error got = all.commit(numbered("group", i), 0, 1);
    if (got != group_error::none) {
      CHECK(got == group_error::coordinator_not_available);
      ++refused;
    }
  }
  CHECK(refused > 500);
  CHECK(refused < 1900);
  CHECK(all.fetch("first").offsets.size() == 1);
  for (int32_t partition = 1; partition < 4; ++partition) CHECK(all.commit("first", partition, 1) == group_error::none);
  // Groups that go give their memory back.
  for (unsigned i = 0; i < 10; ++i) {
    const auto removed = b.w.run(b.n, 0, b.groups[0]->remove(numbered("group", i)));
    REQUIRE(removed);
    CHECK(*removed == group_error::none);
  }
  CHECK(all.commit(numbered("group", 2000u), 0, 1) == group_error::none);
  // Where no further group finds room, who comes back to one that is there gets in.
  while (all.commit(numbered("group", ++refused + 2000), 0, 1) == group_error::none) {
  }
  waiting_join member(b, all.of("first"), all.owner("first"), "first", joining());
  REQUIRE(b.w.run_until([&] { return member.done(); }, base::seconds(10)));
  CHECK(member.call.answer.error == group_error::none);
}

}  // namespace millrace::broker
