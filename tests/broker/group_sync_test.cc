#include "group_driver.hh"

/// SyncGroup, Heartbeat, LeaveGroup and the check of OffsetCommit, in each state; and what time does to members.

namespace millrace::broker {

using namespace test;
using base::milliseconds;
using base::seconds;

namespace {

/// A group in each state, with two members of the present generation where the state has any: `a` leads.
struct in_state : group_driver {
  explicit in_state(group_state wanted) {
    hold_writes = true;
    if (wanted == group_state::empty) return;
    enter(a);
    enter(b);
    join(a);  // generation 2
    if (wanted == group_state::completing_rebalance) return;
    sync(a, {{a.id, "x"}, {b.id, "y"}});
    written();
    sync(b);
    if (wanted == group_state::stable) return;
    if (wanted == group_state::preparing_rebalance) {
      enter(c);
      return;
    }
    leave_all({{a.id, {}}, {b.id, {}}});
    written();
    remove();
  }
  group_client a{.name = "a"};
  group_client b{.name = "b"};
  group_client c{.name = "c"};
};

constexpr group_state all_states[] = {group_state::empty, group_state::preparing_rebalance,
                                      group_state::completing_rebalance, group_state::stable, group_state::dead};

}  // namespace

TEST_CASE("group: each state has its answer to each request") {
  struct row {
    group_state state;
    const char *heartbeat, *of_another_generation, *commit, *late_commit, *commit_of_nobody, *transactional, *sync, *remove;
  };
  const row rows[] = {
      {group_state::empty, "unknown_member_id", "unknown_member_id", "unknown_member_id", "unknown_member_id", "none",
       "none", "b: sync unknown_member_id", "tombstone"},
      {group_state::preparing_rebalance, "rebalance_in_progress", "illegal_generation", "none", "illegal_generation",
       "unknown_member_id", "none", "b: sync rebalance_in_progress", "non_empty_group"},
      {group_state::completing_rebalance, "none", "illegal_generation", "rebalance_in_progress", "illegal_generation",
       "unknown_member_id", "none", "", "non_empty_group"},
      {group_state::stable, "none", "illegal_generation", "none", "illegal_generation", "unknown_member_id", "none",
       "b: assigned y", "non_empty_group"},
      {group_state::dead, "coordinator_not_available", "coordinator_not_available", "coordinator_not_available",
       "coordinator_not_available", "coordinator_not_available", "coordinator_not_available",
       "b: sync coordinator_not_available", "group_id_not_found"},
  };
  for (const row& r : rows) {
    CAPTURE(name_of(r.state));
    in_state d(r.state);
    REQUIRE(d.tested.state() == r.state);
    if (d.b.id.empty()) d.b.id = "b-2", d.b.generation = 2;
    group_client late = d.b;
    late.generation = 1;
    CHECK(d.heartbeat(d.b) == r.heartbeat);
    CHECK(d.heartbeat(late) == r.of_another_generation);
    CHECK(d.commit(d.b) == r.commit);
    CHECK(d.commit(late) == r.late_commit);
    CHECK(d.commit_as({}) == r.commit_of_nobody);
    CHECK(d.commit_as({}, true) == r.transactional);
    CHECK(d.sync(d.b) == r.sync);
    CHECK(d.remove() == r.remove);
  }
}

TEST_CASE("group: a commit says who it is of, or nobody") {
  pair_of_members d;
  struct row {
    const char* why;
    member_reference from;
    bool transactional;
    const char* said;
  };
  const row rows[] = {
      {"a member", {d.b.id, {}, 2}, false, "none"},
      {"the next generation", {d.b.id, {}, 3}, false, "illegal_generation"},
      {"a member without generation", {d.b.id, {}, -1}, false, "illegal_generation"},
      {"a generation without member", {"", {}, 2}, false, "unknown_member_id"},
      {"a generation without member in a transaction", {"", {}, 2}, true, "unknown_member_id"},
      {"a stranger", {"b-9", {}, 2}, false, "unknown_member_id"},
      {"an instance that nobody has", {d.b.id, "i", 2}, false, "unknown_member_id"},
      {"an old generation in a transaction", {d.b.id, {}, 1}, true, "illegal_generation"},
  };
  for (const row& r : rows) {
    CAPTURE(r.why);
    CHECK(d.commit_as(r.from, r.transactional) == r.said);
  }
  d.join(d.a);
  d.join(d.b);
  CHECK(d.state() == "CompletingRebalance");
  CHECK(d.commit(d.b) == "rebalance_in_progress");
  CHECK(d.commit_as(d.b.reference(), true) == "none");
}

TEST_CASE("group: all wait for the leader's assignment, and for it to be durable") {
  in_state d(group_state::completing_rebalance);
  CHECK(d.sync(d.b) == "");
  CHECK(d.sync(d.a, {{"a-1", "x"}, {"b-2", "old"}, {"z-9", "?"}, {"b-2", "y"}}) == "write 2 a-1=x b-2=y");
  CHECK(d.state() == "CompletingRebalance");
  CHECK(d.heartbeat(d.b) == "none");
  CHECK(d.written() == "a: assigned x; b: assigned y");
  CHECK(d.state() == "Stable");
  CHECK(d.sync(d.b) == "b: assigned y");
}

TEST_CASE("group: one that the leader forgot is assigned nothing") {
  in_state d(group_state::completing_rebalance);
  d.sync(d.a, {{"a-1", "x"}});
  CHECK(d.written() == "a: assigned x");
  CHECK(d.sync(d.b) == "b: assigned ");
}

TEST_CASE("group: an assignment that cannot be written is told, and all join again") {
  in_state d(group_state::completing_rebalance);
  d.sync(d.b);
  d.sync(d.a, {{"a-1", "x"}, {"b-2", "y"}});
  CHECK(d.written(group_error::not_coordinator) == "a: sync not_coordinator; b: sync not_coordinator");
  CHECK(d.state() == "PreparingRebalance");
  d.join(d.a);
  CHECK(d.join(d.b) == "a: joined 3 leads a-1 b-2; b: joined 3");
}

TEST_CASE("group: an assignment that a rebalance overtook is nobody's") {
  in_state d(group_state::completing_rebalance);
  d.sync(d.b);
  d.sync(d.a, {{"a-1", "x"}, {"b-2", "y"}});
  SUBCASE("while it is being prepared") {
    CHECK(d.enter(d.c) == "a: sync rebalance_in_progress; b: sync rebalance_in_progress");
    CHECK(d.written() == "");
    CHECK(d.state() == "PreparingRebalance");
  }
  SUBCASE("when there is another generation") {
    d.enter(d.c);
    d.join(d.a);
    d.join(d.b);
    CHECK(d.sync(d.b) == "");
    CHECK(d.sync(d.a, {{"b-2", "z"}}) == "write 3 a-1= b-2=z c-3=");
    CHECK(d.written() == "");
    CHECK(d.state() == "CompletingRebalance");
    CHECK(d.written() == "a: assigned ; b: assigned z");
  }
  SUBCASE("and a member that left") {
    CHECK(d.leave(d.b) == "none; b: sync unknown_member_id; a: sync rebalance_in_progress");
    CHECK(d.written(group_error::not_coordinator) == "");
    CHECK(d.join(d.a) == "a: joined 3 leads a-1");
  }
}

TEST_CASE("group: the leader's second sync waits for the first one's assignment") {
  in_state d(group_state::completing_rebalance);
  d.sync(d.a, {{"a-1", "x"}});
  CHECK(d.sync(d.a, {{"a-1", "z"}}) == "a: sync rebalance_in_progress");
  CHECK(d.written() == "a: assigned x");
}

TEST_CASE("group: a sync for another protocol or type is refused") {
  in_state d(group_state::completing_rebalance);
  const auto ask = [&](std::optional<std::string> type, std::optional<std::string> protocol) {
    return d.sync_as(d.b, {.from = d.b.reference(), .protocol_type = type, .protocol = protocol, .assignments = {}});
  };
  CHECK(ask("connect", "range") == "b: sync inconsistent_group_protocol");
  CHECK(ask("consumer", "sticky") == "b: sync inconsistent_group_protocol");
  CHECK(ask("consumer", "range") == "");
}

TEST_CASE("group: a member whose session ends is out, and the others join again") {
  pair_of_members d;
  d.pass(milliseconds(9999));
  CHECK(d.heartbeat(d.a) == "none");
  CHECK(d.pass(milliseconds(1)) == "");
  CHECK(d.state() == "PreparingRebalance");
  CHECK(d.heartbeat(d.b) == "unknown_member_id");
  CHECK(d.heartbeat(d.a) == "rebalance_in_progress");
  CHECK(d.join(d.a) == "a: joined 3 leads a-1");
}

TEST_CASE("group: heartbeats and commits keep a session") {
  pair_of_members d;
  for (int i = 0; i < 10; ++i) {
    d.pass(seconds(9));
    CHECK(d.heartbeat(d.a) == "none");
    CHECK(d.commit(d.b) == "none");
  }
  CHECK(d.state() == "Stable");
}

TEST_CASE("group: all of its members vanish, and it is empty") {
  pair_of_members d;
  CHECK(d.pass(seconds(10)) == "write 3 empty");
  CHECK(d.state() == "Empty");
  CHECK(d.tested.idle());
  CHECK(d.tested.leader() == "");
}

TEST_CASE("group: a member that waits is not ended by its session") {
  pair_of_members d;
  SUBCASE("to join") {
    d.join(d.a);
    CHECK(d.heartbeat(d.a) == "rebalance_in_progress");
    CHECK(d.commit(d.a) == "none");
    for (int i = 0; i < 11; ++i) {
      CHECK(d.pass(seconds(5)) == "");
      d.heartbeat(d.b);
    }
    CHECK(d.join(d.b) == "a: joined 3 leads a-1 b-2; b: joined 3");
  }
  SUBCASE("to sync") {
    d.join(d.a);
    d.join(d.b);
    d.sync(d.b);
    CHECK(d.heartbeat(d.b) == "none");
    CHECK(d.join(d.b) == "b: joined 3");
    for (int i = 0; i < 11; ++i) {
      CHECK(d.pass(seconds(5)) == "");
      d.heartbeat(d.a);
    }
    CHECK(d.sync(d.a) == "write 3 a-1= b-2=; a: assigned ; b: assigned ");
    CHECK(d.pass(milliseconds(9999)) == "");
    CHECK(d.tested.member_count() == 2);
  }
}

TEST_CASE("group: a new member that waits for too long is told to ask again") {
  pair_of_members d;
  d.a.rebalance = seconds(1800);
  group_client c{.name = "c", .id_required = false};
  d.join(d.a);
  CHECK(d.join(d.b) == "a: joined 3 leads a-1 b-2; b: joined 3");
  d.join(c);
  for (int i = 0; i < 59; ++i) {
    CHECK(d.pass(seconds(5)) == "");
    d.heartbeat(d.a);
    d.heartbeat(d.b);
  }
  CHECK(d.pass(seconds(5)) == "c: unknown_member_id");
  // Who had an answer before waits for as long as it takes.
  CHECK(d.join(d.a) == "");
  for (int i = 0; i < 80; ++i) {
    d.heartbeat(d.b);
    CHECK(d.pass(seconds(5)) == "");
  }
}

TEST_CASE("group: who has joined and does not sync within the rebalance timeout is out") {
  in_state d(group_state::completing_rebalance);
  const auto alive = [&] {
    for (int i = 0; i < 12; ++i) {
      d.heartbeat(d.a);
      d.heartbeat(d.b);
      CHECK(d.pass(milliseconds(4999)) == "");
    }
    return d.pass(milliseconds(12));
  };
  SUBCASE("a follower, when the group is stable already") {
    d.sync(d.a);
    d.written();
    CHECK(alive() == "");
    CHECK(d.heartbeat(d.b) == "unknown_member_id");
    CHECK(d.heartbeat(d.a) == "rebalance_in_progress");
  }
  SUBCASE("the leader") {
    d.sync(d.b);
    CHECK(alive() == "b: sync rebalance_in_progress");
    CHECK(d.heartbeat(d.a) == "unknown_member_id");
    CHECK(d.join(d.b) == "b: joined 3 leads b-2");
  }
  SUBCASE("nobody") {
    d.sync(d.a);
    d.written();
    d.sync(d.b);
    CHECK(alive() == "");
    CHECK(d.state() == "Stable");
  }
}

TEST_CASE("group: whose sync waited and whose connection is gone has its session") {
  in_state d(group_state::completing_rebalance);
  d.sync(d.b);
  CHECK(d.gone(d.b) == "");
  SUBCASE("it comes back") {
    CHECK(d.sync(d.a, {{"b-2", "y"}}) == "write 2 a-1= b-2=y");
    CHECK(d.written() == "a: assigned ");
    CHECK(d.sync(d.b) == "b: assigned y");
  }
  SUBCASE("it does not") {
    d.pass(milliseconds(9999));
    d.heartbeat(d.a);
    d.pass(milliseconds(1));
    CHECK(d.heartbeat(d.b) == "unknown_member_id");
    CHECK(d.state() == "PreparingRebalance");
  }
}

TEST_CASE("group: members leave, together, and each has its answer") {
  in_state d(group_state::stable);
  CHECK(d.leave_all({{"b-2", {}}, {"z", {}}, {"", "i"}, {"b-2", {}}}) ==
        "none unknown_member_id unknown_member_id unknown_member_id");
  CHECK(d.state() == "PreparingRebalance");
  CHECK(d.leave_all({{"z", {}}}) == "unknown_member_id");
  CHECK(d.leave_all({{"a-1", {}}}) == "none; write 3 empty");
  CHECK(d.written(group_error::not_coordinator) == "");
  CHECK(d.state() == "Empty");
  for (const group_state s : all_states) {
    in_state other(s);
    CHECK(other.leave_all({}) == (s == group_state::dead ? "coordinator_not_available" : ""));
    CHECK(other.tested.state() == s);
  }
}

}  // namespace millrace::broker
