#include "group_driver.hh"

/// JoinGroup: who may join as whom, when a rebalance ends, and what all are told then.

namespace millrace::broker {

using namespace test;
using base::milliseconds;
using base::seconds;

TEST_CASE("group: a new member is told its id first, then joins with it (KIP-394)") {
  group_driver d;
  group_client a{.name = "a"};
  CHECK(d.join(a) == "a: member_id_required");
  CHECK(a.id == "a-1");
  CHECK(d.state() == "Empty");
  CHECK(d.join(a) == "a: joined 1 leads a-1");
  CHECK(d.state() == "CompletingRebalance");
  CHECK(d.tested.leader() == "a-1");
  CHECK(d.tested.protocol_type() == "consumer");
}

TEST_CASE("group: below version 4 a new member joins at once") {
  group_driver d;
  group_client a{.name = "a", .id_required = false};
  CHECK(d.join(a) == "a: joined 1 leads a-1");
}

TEST_CASE("group: an id that was given out is good for one session timeout") {
  group_driver d;
  group_client a{.name = "a"};
  d.join(a);
  CHECK(d.pass(milliseconds(9999)) == "");
  CHECK_FALSE(d.tested.idle());
  CHECK(d.pass(milliseconds(1)) == "");
  CHECK(d.tested.idle());
  CHECK(d.join(a) == "a: unknown_member_id");
}

TEST_CASE("group: each join that makes no sense has its error") {
  struct row {
    const char* why;
    group_client asks;
    const char* said;
  };
  const row rows[] = {
      {"the shortest session", {.name = "c", .session = milliseconds(6000)}, "c: member_id_required"},
      {"a session that is too short", {.name = "c", .session = milliseconds(5999)}, "c: invalid_session_timeout"},
      {"the longest session", {.name = "c", .session = seconds(1800)}, "c: member_id_required"},
      {"a session that is too long", {.name = "c", .session = milliseconds(1800001)}, "c: invalid_session_timeout"},
      {"no protocols", {.name = "c", .protocols = {}}, "c: inconsistent_group_protocol"},
      {"a protocol that not all know", {.name = "c", .protocols = {{"sticky", {}}}}, "c: inconsistent_group_protocol"},
      {"another type", {.name = "c", .type = "connect"}, "c: inconsistent_group_protocol"},
      {"an id that nobody has", {.name = "c", .id = "c-77"}, "c: unknown_member_id"},
      {"an instance that nobody has, with an id", {.name = "c", .instance = "i", .id = "c-77"}, "c: unknown_member_id"},
  };
  for (const row& r : rows) {
    CAPTURE(r.why);
    pair_of_members d;
    group_client c = r.asks;
    CHECK(d.join(c) == r.said);
    CHECK(d.state() == "Stable");
  }
}

TEST_CASE("group: an empty group refuses a join without protocols or type, and takes any type") {
  group_driver d;
  group_client none{.name = "n", .protocols = {}};
  group_client typeless{.name = "t", .type = ""};
  group_client connect{.name = "c", .type = "connect"};
  CHECK(d.join(none) == "n: inconsistent_group_protocol");
  CHECK(d.join(typeless) == "t: inconsistent_group_protocol");
  CHECK(d.enter(connect) == "c: joined 1 leads c-3");
  d.leave(connect);
  group_client consumer{.name = "a"};
  CHECK(d.enter(consumer) == "a: joined 3 leads a-4");
  CHECK(d.tested.protocol_type() == "consumer");
}

TEST_CASE("group: without a name it has no members") {
  group_driver d({}, 1 << 20, "");
  group_client a{.name = "a"};
  CHECK(d.join(a) == "a: invalid_group_id");
  CHECK(d.sync(a) == "a: sync invalid_group_id");
  CHECK(d.heartbeat(a) == "invalid_group_id");
  CHECK(d.leave(a) == "invalid_group_id");
  CHECK(d.commit(a) == "none");
}

TEST_CASE("group: a rebalance waits for all, and then tells all at once") {
  pair_of_members d;
  group_client c{.name = "c"};
  CHECK(d.enter(c) == "");
  CHECK(d.state() == "PreparingRebalance");
  CHECK(d.heartbeat(d.a) == "rebalance_in_progress");
  CHECK(d.join(d.b) == "");
  CHECK(d.join(d.a) == "a: joined 3 leads a-1 b-2 c-3; b: joined 3; c: joined 3");
  CHECK(d.b.leader == "a-1");
  CHECK(d.state() == "CompletingRebalance");
}

TEST_CASE("group: who does not join within the longest rebalance timeout is out") {
  pair_of_members d;
  group_client c{.name = "c", .rebalance = seconds(30)};
  d.enter(c);
  d.join(d.a);
  // b goes on with its heartbeats, but does not join.
  for (int i = 0; i < 11; ++i) {
    CHECK(d.pass(seconds(5)) == "");
    CHECK(d.heartbeat(d.b) == "rebalance_in_progress");
  }
  CHECK(d.pass(milliseconds(4999)) == "");
  CHECK(d.pass(milliseconds(1)) == "a: joined 3 leads a-1 c-3; c: joined 3");
  CHECK(d.heartbeat(d.b) == "unknown_member_id");
}

TEST_CASE("group: a rebalance also waits for one that was told its id") {
  pair_of_members d;
  group_client c{.name = "c"};
  group_client e{.name = "e"};
  d.enter(c);
  d.join(e);
  d.join(d.a);
  CHECK(d.join(d.b) == "");
  SUBCASE("until it joins") {
    CHECK(d.join(e) == "a: joined 3 leads a-1 b-2 c-3 e-4; b: joined 3; c: joined 3; e: joined 3");
  }
  SUBCASE("until it leaves") { CHECK(d.leave(e) == "none; a: joined 3 leads a-1 b-2 c-3; b: joined 3; c: joined 3"); }
  SUBCASE("until its time is over") {
    CHECK(d.pass(seconds(10)) == "a: joined 3 leads a-1 b-2 c-3; b: joined 3; c: joined 3");
  }
}

TEST_CASE("group: the leader's absence makes the first that joined the leader") {
  pair_of_members d;
  group_client c{.name = "c"};
  d.enter(c);
  d.join(d.b);
  CHECK(d.leave(d.a) == "none; b: joined 3 leads b-2 c-3; c: joined 3");
  CHECK(d.tested.leader() == "b-2");
}

TEST_CASE("group: the first rebalance waits for its delay, again while members come, up to the rebalance timeout") {
  group_driver d({.initial_rebalance_delay = seconds(3)});
  group_client a{.name = "a", .rebalance = seconds(8)};
  group_client b{.name = "b", .rebalance = seconds(8)};
  group_client c{.name = "c", .rebalance = seconds(8)};
  CHECK(d.enter(a) == "");
  SUBCASE("nobody comes") {
    CHECK(d.pass(milliseconds(2999)) == "");
    CHECK(d.pass(milliseconds(1)) == "a: joined 1 leads a-1");
  }
  SUBCASE("one comes") {
    d.pass(seconds(1));
    CHECK(d.enter(b) == "");
    CHECK(d.pass(milliseconds(4999)) == "");
    CHECK(d.pass(milliseconds(1)) == "a: joined 1 leads a-1 b-2; b: joined 1");
  }
  SUBCASE("they keep coming") {
    d.pass(seconds(1));
    d.enter(b);
    d.pass(seconds(3));
    CHECK(d.enter(c) == "");
    CHECK(d.pass(milliseconds(3999)) == "");
    CHECK(d.pass(milliseconds(1)) == "a: joined 1 leads a-1 b-2 c-3; b: joined 1; c: joined 1");
  }
  SUBCASE("all go again") { CHECK(d.leave(a) == "none; a: unknown_member_id; write 1 empty"); }
}

TEST_CASE("group: the protocol is one that all know, with the most votes") {
  struct row {
    const char* why;
    std::vector<std::string> a, b, c;
    const char* chosen;
  };
  const row rows[] = {
      {"all the same", {"range"}, {"range"}, {"range"}, "range"},
      {"the only one that all know", {"x", "range"}, {"y", "range"}, {"z", "range"}, "range"},
      {"the most votes, though the leader likes another", {"x", "y"}, {"y", "x"}, {"y", "x"}, "y"},
      {"a vote is for the first that all know", {"x", "y"}, {"z", "x", "y"}, {"z", "y", "x"}, "x"},
      {"as many votes: the word of the one that came first", {"x", "y", "z"}, {"y", "x", "z"}, {"z", "y", "x"}, "x"},
      {"a name that comes twice counts once", {"x", "x", "y"}, {"y", "x"}, {"y", "y", "x"}, "y"},
  };
  const auto known = [](const std::vector<std::string>& names) {
    std::vector<group_protocol> all;
    for (const std::string& n : names) all.push_back({n, blob("of " + n)});
    return all;
  };
  for (const row& r : rows) {
    CAPTURE(r.why);
    group_driver d({.initial_rebalance_delay = seconds(3)});
    group_client a{.name = "a", .protocols = known(r.a)};
    group_client b{.name = "b", .protocols = known(r.b)};
    group_client c{.name = "c", .protocols = known(r.c)};
    d.enter(a);
    d.enter(b);
    d.enter(c);
    d.pass(seconds(6));
    CHECK(d.tested.stored().protocol == r.chosen);
    CHECK(text(d.tested.stored().members[1].subscription) == "of " + std::string(r.chosen));
  }
}

TEST_CASE("group: a member that joins again with nothing new gets the same answer") {
  pair_of_members d;
  CHECK(d.join(d.b) == "b: joined 2");
  CHECK(d.state() == "Stable");
  SUBCASE("but the leader of a stable group wants a rebalance") {
    CHECK(d.join(d.a) == "");
    CHECK(d.state() == "PreparingRebalance");
    CHECK(d.join(d.b) == "a: joined 3 leads a-1 b-2; b: joined 3");
    CHECK(d.join(d.a) == "a: joined 3 leads a-1 b-2");
    CHECK(d.join(d.b) == "b: joined 3");
    CHECK(d.state() == "CompletingRebalance");
  }
  SUBCASE("and one with other metadata gets one") {
    d.b.protocols[0].metadata = blob("other topics");
    CHECK(d.join(d.b) == "");
    CHECK(d.state() == "PreparingRebalance");
    d.join(d.a);
    d.sync(d.b);
    d.b.protocols[0].metadata = blob("others again");
    CHECK(d.join(d.b) == "b: sync rebalance_in_progress");
    CHECK(d.state() == "PreparingRebalance");
  }
}

TEST_CASE("group: of two joins of one member the second counts") {
  pair_of_members d;
  d.join(d.a);
  CHECK(d.join(d.a) == "a: rebalance_in_progress");
  CHECK(d.waiting.size() == 1);
  CHECK(d.join(d.b) == "a: joined 3 leads a-1 b-2; b: joined 3");
}

TEST_CASE("group: a full group takes nobody else") {
  pair_of_members d({.initial_rebalance_delay = {}, .size_max = 2});
  group_client c{.name = "c"};
  CHECK(d.join(c) == "c: group_max_size_reached");
  CHECK(d.state() == "Stable");
  CHECK(d.join(d.b) == "b: joined 2");
  SUBCASE("in a rebalance those count that have joined: the last are out") {
    d.join(d.a);
    d.leave(d.b);
    group_client e{.name = "e"};
    group_client f{.name = "f"};
    d.join(e);
    d.join(f);
    CHECK(d.join(e) == "");
    CHECK(d.join(d.a) == "");
    CHECK(d.join(f) == "f: group_max_size_reached; a: joined 4 leads a-1 e-4; e: joined 4");
  }
}

TEST_CASE("group: who has asked and is gone is not waited for, nor answered") {
  pair_of_members d;
  SUBCASE("a member that was told its id may come back within its session") {
    d.join(d.a);
    CHECK(d.gone(d.a) == "");
    CHECK(d.join(d.b) == "");
    CHECK(d.pass(milliseconds(9999)) == "");
    CHECK(d.join(d.a) == "a: joined 3 leads a-1 b-2; b: joined 3");
  }
  SUBCASE("or not") {
    d.join(d.a);
    CHECK(d.gone(d.a) == "");
    d.join(d.b);
    CHECK(d.pass(milliseconds(9999)) == "");
    CHECK(d.pass(milliseconds(1)) == "b: joined 3 leads b-2");
  }
  SUBCASE("so may a new one that was told its id, and a static one") {
    group_client c{.name = "c"};
    group_client s{.name = "s", .instance = "S"};
    d.enter(c);
    d.join(s);
    CHECK(d.gone(c) == "");
    CHECK(d.gone(s) == "");
    CHECK(d.tested.member_count() == 4);
    d.join(d.a);
    d.join(d.b);
    CHECK(d.join(c) == "");
    CHECK(d.join(s) == "a: joined 3 leads a-1 b-2 c-3 S-5; b: joined 3; c: joined 3; s: joined 3");
  }
  SUBCASE("one that never learnt its id is out") {
    group_client c{.name = "c", .id_required = false};
    d.join(c);
    d.join(d.a);
    CHECK(d.tested.member_count() == 3);
    CHECK(d.gone(c) == "");
    CHECK(d.tested.member_count() == 2);
    CHECK(d.join(d.b) == "a: joined 3 leads a-1 b-2; b: joined 3");
  }
}

}  // namespace millrace::broker
