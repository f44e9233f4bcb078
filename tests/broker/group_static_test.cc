#include "group_driver.hh"

/// Static members (KIP-345, KIP-814): known by their instance, under an id that each start changes.

namespace millrace::broker {

using namespace test;
using base::milliseconds;
using base::seconds;

namespace {

/// Two static members in a stable group of generation 2: `a` leads.
struct pair_of_static : group_driver {
  pair_of_static() {
    enter(a);
    enter(b);
    join(a);
    sync(a, {{a.id, "x"}, {b.id, "y"}});
    sync(b);
    REQUIRE(state() == "Stable");
    REQUIRE(tested.generation() == 2);
    hold_writes = true;
  }
  /// The client starts again: it has its instance and nothing else.
  static group_client again(const group_client& c) {
    group_client fresh = c;
    fresh.id.clear();
    fresh.generation = -1;
    return fresh;
  }
  group_client a{.name = "a", .instance = "A"};
  group_client b{.name = "b", .instance = "B"};
};

}  // namespace

TEST_CASE("static: a member is known by its instance from the start, and not told its id first") {
  pair_of_static d;
  CHECK(d.a.id == "A-1");
  CHECK(d.b.id == "B-2");
  CHECK(d.tested.leader() == "A-1");
}

TEST_CASE("static: one that starts again gets another id without a rebalance, when that is durable") {
  pair_of_static d;
  group_client fresh = d.again(d.b);
  CHECK(d.join(fresh) == "write 2 A-1=x B-3=y");
  CHECK(d.state() == "Stable");
  CHECK(d.written() == "b: joined 2");
  CHECK(fresh.leader == "A-1");
  CHECK(d.sync(fresh) == "b: assigned y");
  CHECK(d.state() == "Stable");
  // Who has the old id is fenced where it names its instance; the id alone is nobody's.
  CHECK(d.heartbeat(d.b) == "fenced_instance_id");
  CHECK(d.commit(d.b) == "fenced_instance_id");
  CHECK(d.sync(d.b) == "b: sync fenced_instance_id");
  CHECK(d.join(d.b) == "b: fenced_instance_id");
  CHECK(d.leave(d.b) == "fenced_instance_id");
  d.b.instance.reset();
  CHECK(d.heartbeat(d.b) == "unknown_member_id");
  CHECK(d.commit(d.b) == "unknown_member_id");
}

TEST_CASE("static: a leader that starts again keeps its assignment") {
  pair_of_static d;
  group_client fresh = d.again(d.a);
  SUBCASE("and is told the members, not to assign") {
    d.join(fresh);
    CHECK(d.written() == "a: joined 2 leads A-3 B-2 skips");
    CHECK(fresh.leader == "A-3");
  }
  SUBCASE("below version 9 it takes itself for a follower") {
    fresh.may_skip = false;
    d.join(fresh);
    CHECK(d.written() == "a: joined 2");
    CHECK(fresh.leader == "A-1");
  }
  CHECK(fresh.id == "A-3");
  CHECK(d.sync(fresh) == "a: assigned x");
  CHECK(d.tested.leader() == "A-3");
  group_client later = d.again(d.a);
  d.join(later);
  CHECK(d.written() == "a: joined 2 leads A-4 B-2 skips");
}

TEST_CASE("static: other metadata for the same protocol is no rebalance, another protocol is") {
  pair_of_static d;
  group_client fresh = d.again(d.b);
  SUBCASE("metadata") {
    fresh.protocols = {{"range", blob("others")}};
    CHECK(d.join(fresh) == "write 2 A-1=x B-3=y");
    CHECK(text(d.stored.back().members[1].subscription) == "others");
  }
  SUBCASE("protocol") {
    d.hold_writes = false;
    d.leave(d.a);
    d.a = group_client{.name = "a", .instance = "A", .protocols = {{"sticky", {}}, {"range", {}}}};
    d.join(d.a);
    fresh = d.b;
    fresh.protocols = {{"range", {}}, {"sticky", {}}};
    d.join(fresh);  // votes are even: B leads
    d.sync(fresh);
    CHECK(d.tested.stored().protocol == "range");
    group_client other = d.again(fresh);
    other.protocols = {{"sticky", {}}, {"range", {}}};
    CHECK(d.join(other) == "");
    CHECK(d.state() == "PreparingRebalance");
  }
}

TEST_CASE("static: one that starts again in a rebalance joins it") {
  pair_of_static d;
  group_client first = d.again(d.b);
  d.join(d.a);
  CHECK(d.state() == "PreparingRebalance");
  CHECK(d.join(first) == "a: joined 3 leads A-1 B-3; b: joined 3");
  SUBCASE("after it, a new one begins: the leader may have assigned to the old id") {
    d.sync(first);
    group_client second = d.again(d.b);
    CHECK(d.join(second) == "b: sync fenced_instance_id");
    CHECK(d.state() == "PreparingRebalance");
    CHECK(d.join(d.a) == "a: joined 4 leads A-1 B-4; b: joined 4");
  }
  SUBCASE("the join of the one before it is fenced") {
    d.join(first);
    d.sync(d.a);
    d.written();
    d.join(d.a);
    CHECK(d.join(first) == "a: joined 4 leads A-1 B-3; b: joined 4");
    d.sync(d.a);
    d.written();
    group_client c{.name = "c"};
    d.enter(c);
    CHECK(d.join(first) == "");
    group_client second = d.again(d.b);
    CHECK(d.join(second) == "b: fenced_instance_id");
    CHECK(d.join(d.a) == "a: joined 5 leads A-1 B-5 c-4; b: joined 5; c: joined 5");
  }
}

TEST_CASE("static: many that start again at once share a write") {
  pair_of_static d;
  group_client first = d.again(d.a);
  group_client second = d.again(d.b);
  CHECK(d.join(first) == "write 2 A-3=x B-2=y");
  CHECK(d.join(second) == "");
  SUBCASE("each is told when its own is durable") {
    CHECK(d.written() == "a: joined 2 leads A-3 B-4 skips; write 2 A-3=x B-4=y");
    CHECK(d.written() == "b: joined 2");
  }
  SUBCASE("a failure is told to those of it") {
    CHECK(d.written(group_error::coordinator_not_available) == "a: coordinator_not_available; write 2 A-3=x B-4=y");
    CHECK(d.written() == "b: joined 2");
    CHECK(d.join(first) == "write 2 A-5=x B-4=y");
    CHECK(d.written() == "a: joined 2 leads A-5 B-4 skips");
  }
  SUBCASE("one that starts yet again fences the one before") {
    group_client third = d.again(d.b);
    CHECK(d.join(third) == "b: fenced_instance_id");
    CHECK(d.written() == "a: joined 2 leads A-3 B-5 skips; write 2 A-3=x B-5=y");
    CHECK(d.written() == "b: joined 2");
  }
  SUBCASE("a rebalance makes them wait for it instead") {
    group_client c{.name = "c"};
    d.enter(c);
    CHECK(d.state() == "CompletingRebalance");
    CHECK(first.generation == 3);
    CHECK(second.generation == 3);
    CHECK(d.written() == "");
  }
  SUBCASE("one whose connection is gone has its session") {
    CHECK(d.gone(first) == "");
    CHECK(d.written() == "write 2 A-3=x B-4=y");
    CHECK(d.written() == "b: joined 2");
    d.pass(milliseconds(9999));
    CHECK(d.heartbeat(second) == "none");
    d.pass(milliseconds(1));
    CHECK(d.tested.member_count() == 1);
  }
  SUBCASE("the one that an administrator removes is told so") {
    CHECK(d.leave_all({{"", "A"}}) == "none; a: unknown_member_id; b: joined 3 leads B-4");
  }
}

TEST_CASE("static: a thousand that start again at once are written twice, not a thousand times") {
  group_driver d({.initial_rebalance_delay = seconds(1)}, 1 << 24);
  std::vector<group_client> all(1000);
  for (group_client& c : all) {
    c.name = c.instance.emplace("i" + std::to_string(&c - all.data()));
    d.join(c);
  }
  d.pass(seconds(2));
  for (group_client& c : all) d.sync(c);
  REQUIRE(d.state() == "Stable");
  REQUIRE(d.tested.member_count() == 1000);
  d.hold_writes = true;
  d.stored.clear();
  for (group_client& c : all) {
    c.id.clear();
    d.join(c);
  }
  d.written();
  d.written();
  CHECK(d.waiting.empty());
  CHECK(d.held.empty());
  CHECK(d.stored.size() == 2);
  CHECK(d.tested.generation() == 1);
}

TEST_CASE("static: an administrator removes members by their instances") {
  pair_of_static d;
  CHECK(d.leave_all({{"", "B"}, {"", "C"}, {d.a.id, "A"}}) == "none unknown_member_id none; write 3 empty");
  CHECK(d.state() == "Empty");
}

TEST_CASE("static: a member that does not join a rebalance stays until its session ends") {
  pair_of_static d;
  d.b.session = seconds(200);
  d.hold_writes = false;
  d.join(d.a);
  d.join(d.b);
  d.sync(d.a);
  d.sync(d.b);
  d.join(d.a);
  CHECK(d.pass(seconds(60)) == "a: joined 4 leads A-1 B-2");
  CHECK(d.tested.member_count() == 2);
  CHECK(d.sync(d.a, {{"B-2", "y"}}) == "write 4 A-1= B-2=y; a: assigned ");
  CHECK(d.heartbeat(d.b) == "illegal_generation");
  CHECK(d.join(d.b) == "b: joined 4");
  CHECK(d.sync(d.b) == "b: assigned y");
}

TEST_CASE("static: a rebalance that no member joins goes on until one does or all are gone") {
  pair_of_static d;
  d.a.session = d.b.session = seconds(300);
  d.join(d.a);
  d.join(d.b);
  d.sync(d.a);
  d.written();
  d.sync(d.b);
  d.leave(group_client{.name = "x"});
  group_client c{.name = "c"};
  d.enter(c);
  d.leave(c);
  CHECK(d.state() == "PreparingRebalance");
  CHECK(d.pass(seconds(70)) == "");
  CHECK(d.state() == "PreparingRebalance");
  SUBCASE("one does") {
    d.join(d.a);
    CHECK(d.pass(milliseconds(49999)) == "");
    CHECK(d.pass(milliseconds(1)) == "a: joined 4 leads A-1 B-2");
  }
  SUBCASE("another one than the leader does: it leads") {
    d.join(d.b);
    CHECK(d.pass(seconds(50)) == "b: joined 4 leads A-1 B-2");
    CHECK(d.tested.leader() == "B-2");
  }
  SUBCASE("all are gone") { CHECK(d.pass(seconds(230)) == "write 4 empty"); }
}

TEST_CASE("static: a member whose sync was called off, or whose id could not be written, has its session") {
  pair_of_static d;
  SUBCASE("called off by a rebalance") {
    d.join(d.a);
    d.join(d.b);
    d.sync(d.b);
    group_client c{.name = "c"};
    CHECK(d.enter(c) == "b: sync rebalance_in_progress");
    d.join(d.a);
    CHECK(d.pass(milliseconds(9999)) == "");
    CHECK(d.pass(milliseconds(1)) == "a: joined 4 leads A-1 c-3; c: joined 4");
  }
  SUBCASE("not written") {
    group_client fresh = d.again(d.b);
    d.join(fresh);
    CHECK(d.written(group_error::coordinator_not_available) == "b: coordinator_not_available");
    d.pass(milliseconds(9999));
    d.heartbeat(d.a);
    CHECK(d.tested.member_count() == 2);
    d.pass(milliseconds(1));
    CHECK(d.tested.member_count() == 1);
  }
}

TEST_CASE("static: a full group lets its own members back in") {
  group_driver d({.initial_rebalance_delay = {}, .size_max = 1});
  group_client a{.name = "a", .instance = "A"};
  d.join(a);
  d.sync(a);
  group_client fresh = pair_of_static::again(a);
  CHECK(d.join(fresh) == "write 1 A-2=; a: joined 1 leads A-2 skips");
}

}  // namespace millrace::broker
