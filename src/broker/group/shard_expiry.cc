#include "broker/group/awaited_write.hh"
#include "broker/group/coordinator_shard.hh"
#include "reactor/wait.hh"

/// Groups and commits that leave: because they have expired (kafka.md 2.6), or because somebody deletes the group.

namespace millrace::broker {

namespace {

constexpr size_t expired_most = 1000;

expiring_group::state kind_of(group_state state) {
  if (state == group_state::empty) return expiring_group::state::empty;
  return state == group_state::stable ? expiring_group::state::stable : expiring_group::state::other;
}

}  // namespace

std::vector<offset_key> coordinator_shard::expired_of(hosted_group& g) const {
  const clocks at = now();
  expiring_group group{.has_protocol_type = !g.machine.protocol_type().empty(), .in = kind_of(g.machine.state())};
  group.empty_since = wall_time_of(g.machine.state_since(), at);
  const auto topics = g.machine.subscribed_topics();
  std::vector<std::string_view> subscribed;
  if (topics) {
    subscribed.assign(topics->begin(), topics->end());
    group.subscribed = subscribed;
  }
  return g.offsets.expired(group, {.now = at.wall, .retention_ms = options_.offsets_retention_ms}, expired_most);
}

reactor::task<void> coordinator_shard::expire() {
  if (!loaded_) co_return;
  const std::vector<std::string> ids = group_ids();
  for (const std::string& id : ids) {
    if (closed_) co_return;
    std::string group = id;
    co_await expire_group(std::move(group));
    co_await reactor::next_turn(core_.on());
  }
}

reactor::task<void> coordinator_shard::expire_group(std::string group) {
  hosted_group* g = find(group);
  while (g != nullptr && !closed_ && !g->being_removed) {
    std::vector<offset_key> keys = expired_of(*g);
    if (keys.empty()) break;
    std::string id = group;
    const group_error outcome = co_await forget(std::move(id), std::move(keys));
    if (outcome != group_error::none) co_return;
    g = find(group);
  }
  if (g == nullptr || closed_ || g->being_removed) co_return;
  if (g->machine.state() != group_state::empty || !g->machine.idle() || !g->offsets.empty()) co_return;
  group_effects effects;
  if (g->machine.remove(effects) != group_error::none) co_return;
  g->being_removed = true;
  co_await bury(std::move(group), std::move(effects));
}

/// Writes the tombstone of a group that is dead; it is forgotten when that is durable.
reactor::task<group_error> coordinator_shard::bury(std::string group, group_effects effects) {
  const timed_record one{.timestamp = core_.on().wall_clock(), .what = group_metadata{.group = group, .state = {}}};
  awaited_write done;
  append({&one, 1}, done.hook());
  const group_error outcome = co_await done;
  hosted_group* const g = find(group);
  if (g == nullptr) co_return outcome;
  group_effects more;
  g->machine.written(effects.writes.front().id, outcome, core_.on().now(), more);
  g->being_removed = false;
  carry_out(*g, std::move(more));
  co_return outcome;
}

reactor::task<group_error> coordinator_shard::remove(std::string group) {
  hosted_group* g = find(group);
  if (g == nullptr) co_return group_error::group_id_not_found;
  group_effects effects;
  const group_error refused = g->machine.remove(effects);
  if (refused != group_error::none) co_return refused;
  g->being_removed = true;
  std::vector<offset_key> keys = g->offsets.keys();
  std::string id = group;
  const group_error forgotten = co_await forget(std::move(id), std::move(keys));
  g = find(group);
  if (g == nullptr) co_return forgotten;
  if (forgotten != group_error::none) {
    group_effects more;
    g->machine.written(effects.writes.front().id, forgotten, core_.on().now(), more);
    g->being_removed = false;
    carry_out(*g, std::move(more));
    co_return forgotten;
  }
  const group_error outcome = co_await bury(std::move(group), std::move(effects));
  co_return outcome;
}

}  // namespace millrace::broker
