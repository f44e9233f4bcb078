#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "broker/group/group.hh"

/// Drives one group by hand and says in words what came of each step, so that a case reads like a conversation.
///
///   join:   "a: joined 1", of the leader "a: joined 1 leads a-1 b-2", with " skips" (KIP-814); an error by its name
///   sync:   "a: assigned x", "a: sync illegal_generation"
///   writes: "write 1 a-1=x b-2=", "write 2 empty", "tombstone"

namespace millrace::broker::test {

inline opaque blob(std::string_view text) { return {text.begin(), text.end()}; }
inline std::string text(const opaque& bytes) { return {bytes.begin(), bytes.end()}; }

/// A client: what it would send, and what it has learnt.
struct group_client {
  std::string name;
  std::optional<std::string> instance = std::nullopt;
  std::vector<group_protocol> protocols = {{"range", blob("topics")}};
  base::duration session = base::seconds(10);
  base::duration rebalance = base::seconds(60);
  std::string type = "consumer";
  bool id_required = true;
  bool may_skip = true;
  std::string id = "";
  int32_t generation = -1;
  std::string leader = "";
  group_error error = group_error::none;  ///< of the last answer to a join or sync
  std::vector<std::string> led;           ///< the members, where it leads

  member_reference reference() const { return {id, instance, generation}; }
};

using assignments = std::vector<std::pair<std::string, std::string>>;

class group_driver {
 public:
  explicit group_driver(group_options options = {.initial_rebalance_delay = {}}, size_t bytes_max = 1 << 20,
                        std::string id = "g")
      : commons(options, bytes_max), tested(std::move(id), commons, now) {}

  std::string join(group_client& c) {
    join_request r{.member_id = c.id,
                   .instance_id = c.instance,
                   .client_id = c.name,
                   .client_host = "/10.0.0.1",
                   .session_timeout = c.session,
                   .rebalance_timeout = c.rebalance,
                   .protocol_type = c.type,
                   .protocols = c.protocols,
                   .fresh = c.id.empty() ? std::to_string(++last_fresh) : "",
                   .member_id_required = c.id_required,
                   .may_skip_assignment = c.may_skip};
    const group_waiter waiter = wait(c);
    return said([&](group_effects& out) { tested.join(std::move(r), waiter, now, out); });
  }
  /// Joins, with the id that it is given.
  std::string enter(group_client& c) {
    const std::string first = join(c);
    return first == c.name + ": member_id_required" ? join(c) : first;
  }
  std::string sync(group_client& c, const assignments& given = {}) {
    sync_request r{.from = c.reference(), .protocol_type = std::nullopt, .protocol = std::nullopt, .assignments = {}};
    for (const auto& [id, what] : given) r.assignments.emplace_back(id, blob(what));
    return sync_as(c, std::move(r));
  }
  std::string sync_as(group_client& c, sync_request r) {
    const group_waiter waiter = wait(c);
    return said([&](group_effects& out) { tested.sync(std::move(r), waiter, now, out); });
  }
  std::string heartbeat(const group_client& c) { return name_of(tested.heartbeat(c.reference(), now)); }
  std::string commit_as(const member_reference& from, bool transactional = false) {
    return name_of(tested.check_commit(from, transactional, now));
  }
  std::string commit(const group_client& c) { return commit_as(c.reference()); }
  /// The errors, then what came of it.
  std::string leave_all(const std::vector<leaving_member>& members) {
    leave_answer answer;
    const std::string rest = said([&](group_effects& out) { answer = tested.leave(members, now, out); });
    std::string errors = answer.error == group_error::none ? "" : name_of(answer.error);
    for (const group_error e : answer.members) errors += (errors.empty() ? "" : " ") + std::string(name_of(e));
    return rest.empty() ? errors : errors + "; " + rest;
  }
  std::string leave(const group_client& c) { return leave_all({{c.id, c.instance}}); }
  std::string gone(const group_client& c) {
    const group_waiter waiter = last_waiter_of(c);
    waiting.erase(waiter.value());
    return said([&](group_effects& out) { tested.gone(waiter, now, out); });
  }
  /// Time passes, and each deadline is kept.
  std::string pass(base::duration d) {
    const base::instant until = now + d;
    std::string all;
    while (tested.next_deadline() <= until) {
      now = std::max(now, tested.next_deadline());
      add(all, said([&](group_effects& out) { tested.expire(now, out); }));
    }
    now = until;
    return all;
  }
  std::string remove() {
    group_error error{};
    const std::string rest = said([&](group_effects& out) { error = tested.remove(out); });
    return error == group_error::none ? rest : name_of(error);
  }
  std::string unload() {
    return said([&](group_effects& out) { tested.unload(out); });
  }
  std::string restore(stored_group kept) {
    bool ok = false;
    const std::string rest = said([&](group_effects& out) { ok = tested.restore(std::move(kept), now, out).ok(); });
    return ok ? rest : "malformed";
  }
  /// What became of the oldest write that is held.
  std::string written(group_error outcome = group_error::none) {
    REQUIRE(!held.empty());
    const group_write_id id = held.front();
    held.erase(held.begin());
    return said([&](group_effects& out) { tested.written(id, outcome, now, out); });
  }
  std::string state() const { return name_of(tested.state()); }

  base::instant now{1'000'000'000'000};
  group_commons commons;
  group tested;
  bool hold_writes = false;  ///< else they are durable at once
  std::vector<group_write_id> held;
  std::vector<stored_group> stored;               ///< all that was to be written
  std::map<uint64_t, group_client*> waiting;      ///< whose join or sync is not answered
  std::map<std::string, std::string> assignment;  ///< by client, the last
  int last_fresh = 0;
  std::function<void(const group_effects&)> watch;  ///< sees all before anybody is told

 private:
  template <class Event>
  std::string said(Event&& event) {
    group_effects out;
    event(out);
    if (watch) watch(out);
    std::string all;
    for (const join_answer& a : out.joins) add(all, told(a));
    for (const sync_answer& a : out.syncs) add(all, told(a));
    for (const group_write& w : out.writes) {
      add(all, told(w));
      held.push_back(w.id);
    }
    while (!hold_writes && !held.empty()) add(all, written());
    return all;
  }

  std::string told(const join_answer& a) {
    group_client& c = *answered(a.to);
    c.error = a.error;
    c.led.clear();
    for (const joined_member& m : a.members) c.led.push_back(m.member_id);
    if (a.error == group_error::member_id_required) c.id = a.member_id;
    if (a.error != group_error::none) return c.name + ": " + name_of(a.error);
    c.id = a.member_id;
    c.generation = a.generation;
    c.leader = a.leader;
    std::string line = c.name + ": joined " + std::to_string(a.generation);
    if (!c.led.empty()) line += " leads";
    for (const std::string& member : c.led) line += " " + member;
    return a.skip_assignment ? line + " skips" : line;
  }
  std::string told(const sync_answer& a) {
    group_client& c = *answered(a.to);
    c.error = a.error;
    if (a.error != group_error::none) return c.name + ": sync " + name_of(a.error);
    assignment[c.name] = text(a.assignment);
    return c.name + ": assigned " + text(a.assignment);
  }
  std::string told(const group_write& w) {
    if (!w.value) return "tombstone";
    stored.push_back(*w.value);
    std::string line = "write " + std::to_string(w.value->generation);
    if (w.value->members.empty()) line += " empty";
    for (const stored_member& m : w.value->members) line += " " + m.member_id + "=" + text(m.assignment);
    return line;
  }
  static void add(std::string& all, const std::string& line) {
    if (!line.empty()) all += (all.empty() ? "" : "; ") + line;
  }

  group_waiter wait(group_client& c) {
    waiting[++last_waiter_] = &c;
    return group_waiter(last_waiter_);
  }
  group_waiter last_waiter_of(const group_client& c) const {
    uint64_t last = 0;
    for (const auto& [waiter, client] : waiting) {
      if (client == &c) last = waiter;
    }
    REQUIRE(last != 0);
    return group_waiter(last);
  }
  /// Whose this was. An answer that nobody waits for, or a second one, fails the test.
  group_client* answered(group_waiter waiter) {
    const auto found = waiting.find(waiter.value());
    REQUIRE(found != waiting.end());
    group_client* const c = found->second;
    waiting.erase(found);
    return c;
  }

  uint64_t last_waiter_ = 0;
};

/// Two members in a stable group of generation 2: `a` leads.
struct pair_of_members : group_driver {
  explicit pair_of_members(group_options options = {.initial_rebalance_delay = {}}) : group_driver(options) {
    enter(a);
    sync(a);
    enter(b);
    join(a);
    sync(a, {{a.id, "x"}, {b.id, "y"}});
    sync(b);
    REQUIRE(state() == "Stable");
    REQUIRE(a.generation == 2);
  }
  group_client a{.name = "a"};
  group_client b{.name = "b"};
};

}  // namespace millrace::broker::test
