#include "group_driver.hh"

/// What outlives a group's core, what is shown of it, how it ends, and what it may hold.

namespace millrace::broker {

using namespace test;
using base::milliseconds;
using base::seconds;

namespace {

stored_member kept_member(std::string id, std::string assignment) {
  return {.member_id = std::move(id),
          .instance_id = std::nullopt,
          .client_id = "c",
          .client_host = "/h",
          .rebalance_timeout = seconds(60),
          .session_timeout = seconds(10),
          .subscription = blob("topics"),
          .assignment = blob(assignment)};
}

stored_group kept_group() {
  return {.protocol_type = "consumer",
          .generation = 7,
          .protocol = "range",
          .leader = "a-1",
          .state_since = {},
          .members = {kept_member("a-1", "x"), kept_member("b-2", "y")}};
}

/// The two of kept_group, as they see themselves.
group_client client_of(std::string name, std::string id) {
  group_client c{.name = std::move(name)};
  c.id = std::move(id);
  c.generation = 7;
  return c;
}

}  // namespace

TEST_CASE("group: what is written is all that a group needs to go on elsewhere") {
  pair_of_members d;
  const stored_group kept = d.stored.back();
  CHECK(kept.protocol_type == "consumer");
  CHECK(kept.generation == 2);
  CHECK(kept.protocol == "range");
  CHECK(kept.leader == "a-1");
  REQUIRE(kept.members.size() == 2);
  CHECK(kept.members[1].member_id == "b-2");
  CHECK(kept.members[1].client_id == "b");
  CHECK(kept.members[1].client_host == "/10.0.0.1");
  CHECK(kept.members[1].session_timeout == seconds(10));
  CHECK(kept.members[1].rebalance_timeout == seconds(60));
  CHECK(text(kept.members[1].subscription) == "topics");
  CHECK(text(kept.members[1].assignment) == "y");

  group_driver other;
  CHECK(other.restore(kept) == "");
  CHECK(other.state() == "Stable");
  CHECK(other.heartbeat(d.b) == "none");
  CHECK(other.commit(d.a) == "none");
  CHECK(other.sync(d.b) == "b: assigned y");
  CHECK(other.join(d.b) == "b: joined 2");
  CHECK(other.tested.bytes() == d.tested.bytes());
}

TEST_CASE("group: sessions of a restored group start anew") {
  group_driver d;
  group_client a = client_of("a", "a-1");
  d.restore(kept_group());
  CHECK(d.pass(milliseconds(9999)) == "");
  CHECK(d.heartbeat(a) == "none");
  CHECK(d.pass(milliseconds(1)) == "");
  CHECK(d.tested.member_count() == 1);
  CHECK(d.join(a) == "a: joined 8 leads a-1");
}

TEST_CASE("group: a restored group may be empty, and says since when") {
  group_driver d;
  stored_group kept = kept_group();
  kept.members.clear();
  kept.protocol.reset();
  kept.leader.reset();
  kept.state_since = d.now - seconds(7 * 86400);  // before this clock began
  CHECK(d.restore(kept) == "");
  CHECK(d.state() == "Empty");
  CHECK(d.tested.state_since() == d.now - seconds(7 * 86400));
  group_client a{.name = "a"};
  CHECK(d.enter(a) == "a: joined 8 leads a-1");
  CHECK(d.tested.state_since() == d.now);
}

TEST_CASE("group: a restored group with more members than may be rebalances") {
  group_driver d({.initial_rebalance_delay = {}, .size_max = 1});
  group_client a = client_of("a", "a-1");
  group_client b = client_of("b", "b-2");
  d.restore(kept_group());
  CHECK(d.heartbeat(a) == "rebalance_in_progress");
  CHECK(d.join(b) == "");
  CHECK(d.join(a) == "a: group_max_size_reached; b: joined 8 leads b-2");
}

TEST_CASE("group: what no group can have written is refused, and leaves it fresh") {
  struct row {
    const char* why;
    void (*spoil)(stored_group&);
    const char* said;
  };
  const row rows[] = {
      {"an id twice", [](stored_group& g) { g.members[1].member_id = "a-1"; }, "malformed"},
      {"no id", [](stored_group& g) { g.members[0].member_id = ""; }, "malformed"},
      {"an instance twice", [](stored_group& g) { g.members[0].instance_id = g.members[1].instance_id = "i"; }, "malformed"},
      {"a negative generation", [](stored_group& g) { g.generation = -1; }, "malformed"},
      {"members without a protocol", [](stored_group& g) { g.protocol.reset(); }, "malformed"},
      {"a leader that is no member: the first leads", [](stored_group& g) { g.leader = "z"; }, ""},
      {"no leader: the first leads", [](stored_group& g) { g.leader.reset(); }, ""},
  };
  for (const row& r : rows) {
    CAPTURE(r.why);
    group_driver d;
    stored_group kept = kept_group();
    r.spoil(kept);
    CHECK(d.restore(kept) == r.said);
    CHECK(d.tested.leader() == (*r.said == 0 ? "a-1" : ""));
    if (*r.said != 0) CHECK(d.restore(kept_group()) == "");
    CHECK(d.state() == "Stable");
  }
}

TEST_CASE("group: only a stable one shows protocol and metadata") {
  pair_of_members d;
  group_description shown = d.tested.describe();
  CHECK(shown.state == group_state::stable);
  CHECK(shown.protocol_type == "consumer");
  CHECK(shown.protocol == "range");
  REQUIRE(shown.members.size() == 2);
  CHECK(shown.members[0].member_id == "a-1");
  CHECK(shown.members[0].client_host == "/10.0.0.1");
  CHECK(text(shown.members[0].subscription) == "topics");
  CHECK(text(shown.members[0].assignment) == "x");
  d.join(d.a);
  shown = d.tested.describe();
  CHECK(shown.state == group_state::preparing_rebalance);
  CHECK(shown.protocol == "");
  CHECK(shown.members[0].subscription.empty());
  CHECK(text(shown.members[0].assignment) == "x");
  d.hold_writes = true;
  d.join(d.b);
  d.sync(d.a, {{"a-1", "z"}});
  CHECK(text(d.tested.describe().members[0].assignment) == "x");  // z is not durable
  d.written();
  CHECK(text(d.tested.describe().members[0].assignment) == "z");
  d.leave_all({{"a-1", {}}, {"b-2", {}}});
  shown = d.tested.describe();
  CHECK(shown.state == group_state::empty);
  CHECK(shown.protocol_type == "consumer");
  CHECK(shown.members.empty());
}

TEST_CASE("group: one that is deleted is dead, unless that cannot be written") {
  group_driver d;
  d.hold_writes = true;
  group_client a{.name = "a"};
  d.join(a);
  CHECK(d.remove() == "tombstone");
  CHECK(d.state() == "Dead");
  CHECK_FALSE(d.tested.idle());
  CHECK(d.join(a) == "a: coordinator_not_available");
  CHECK(d.remove() == "group_id_not_found");
  SUBCASE("durable") {
    CHECK(d.written() == "");
    CHECK(d.state() == "Dead");
    CHECK(d.tested.idle());
  }
  SUBCASE("failed") {
    CHECK(d.written(group_error::not_coordinator) == "");
    CHECK(d.state() == "Empty");
    CHECK(d.join(a) == "a: unknown_member_id");
  }
}

TEST_CASE("group: where it is unloaded all that wait are told so") {
  pair_of_members d;
  SUBCASE("to join") {
    d.join(d.b);
    d.join(d.a);
    CHECK(d.unload() == "a: not_coordinator");
  }
  SUBCASE("to sync, and for a write") {
    d.hold_writes = true;
    d.join(d.a);
    d.join(d.b);
    d.sync(d.b);
    d.sync(d.a, {{"a-1", "z"}});
    CHECK(d.unload() == "a: sync not_coordinator; b: sync not_coordinator");
    CHECK(d.tested.idle());
    CHECK(d.written() == "");
  }
  CHECK(d.waiting.empty());
  CHECK(d.state() == "Dead");
  CHECK(d.heartbeat(d.b) == "coordinator_not_available");
  CHECK(d.tested.next_deadline() == base::instant::never());
  CHECK(d.commons.bytes() == 0);
}

TEST_CASE("group: what members hold is counted, and bounded over all groups of a core") {
  group_driver d({.initial_rebalance_delay = {}}, 8000);
  group_client a{.name = "a", .protocols = {{"range", opaque(1000)}}};
  d.enter(a);
  const size_t one = d.tested.bytes();
  CHECK(one > 1000);
  CHECK(one < 3000);
  CHECK(d.commons.bytes() == one);

  SUBCASE("a member that does not fit") {
    group_client b{.name = "b", .protocols = {{"range", opaque(8000)}}};
    CHECK(d.enter(b) == "b: coordinator_not_available");
    CHECK(d.tested.bytes() == one);
  }
  SUBCASE("a new member leaves a quarter to those that are there") {
    const size_t free_for_new = 6000 - one;
    group_client b{.name = "b", .protocols = {{"range", opaque(free_for_new)}}};
    CHECK(d.enter(b) == "b: coordinator_not_available");
    a.protocols[0].metadata.resize(1000 + free_for_new + 1000);
    CHECK(d.join(a) == "a: joined 2 leads a-1");
  }
  SUBCASE("a member that grows") {
    a.protocols[0].metadata.resize(9000);
    CHECK(d.join(a) == "a: coordinator_not_available");
    CHECK(d.state() == "CompletingRebalance");
    a.protocols[0].metadata.resize(2000);
    CHECK(d.join(a) == "a: joined 2 leads a-1");
    CHECK(d.tested.bytes() == one + 1000);
  }
  SUBCASE("an assignment, whose leader then has its session") {
    CHECK(d.sync(a, {{"a-1", std::string(8000, 'x')}}) == "a: sync coordinator_not_available");
    CHECK(d.pass(milliseconds(9999)) == "");
    CHECK(d.pass(milliseconds(1)) == "write 2 empty");
  }
  SUBCASE("an assignment, and the leader must still sync") {
    CHECK(d.sync(a, {{"a-1", std::string(8000, 'x')}}) == "a: sync coordinator_not_available");
    for (int i = 0; i < 12; ++i) {
      CHECK(d.heartbeat(a) == "none");
      d.pass(seconds(5));
    }
    CHECK(d.state() == "Empty");
  }
  SUBCASE("an assignment counts while it is written, and then once") {
    d.hold_writes = true;
    d.sync(a, {{"a-1", std::string(3000, 'x')}});
    CHECK(d.tested.bytes() == one + 3000);
    d.written();
    CHECK(d.tested.bytes() == one + 3000);
    CHECK(d.commons.bytes() == one + 3000);
  }
  SUBCASE("ids that are given out") {
    int count = 0;
    for (group_client c{.name = "c"}; d.join(c) == "c: member_id_required"; c.id.clear()) REQUIRE(++count < 20);
    CHECK(count > 2);
    CHECK(d.commons.bytes() <= 8000);
    d.pass(seconds(10));
  }
  d.pass(seconds(100));
  d.leave(a);
  CHECK(d.commons.bytes() == 0);
}

TEST_CASE("sessions: a heartbeat costs the same in a group of any size") {
  session_queue queue;
  session early("early");
  session late("late");
  queue.arm(early, {100});
  queue.arm(late, {50});
  CHECK(queue.next() == base::instant{50});
  queue.arm(late, {200});                    // only a number moves
  CHECK(queue.next() == base::instant{50});  // so this is early
  CHECK(queue.due({99}) == nullptr);
  CHECK(queue.next() == base::instant{100});
  CHECK(queue.due({100}) == &early);
  CHECK(queue.due({199}) == nullptr);
  queue.arm(late, {150});  // earlier than was said
  CHECK(queue.next() == base::instant{150});
  queue.disarm(late);
  CHECK(queue.due({1000}) == nullptr);
  CHECK(queue.next() == base::instant::never());
  queue.arm(late, {2000});
  queue.arm(early, {2000});
  CHECK(queue.due({2000}) == &late);  // of the same time, the one that was armed first
  queue.drop(early);
  CHECK(queue.due({2000}) == nullptr);
}

}  // namespace millrace::broker
