#include "broker/group/coordinator_shard.hh"

#include <algorithm>

#include "base/mutant.hh"
#include "broker/group/awaited_write.hh"
#include "broker/partition/batch_limit.hh"
#include "reactor/wait.hh"

namespace millrace::broker {

namespace {

/// Tombstones in one batch: 100 bytes or so each.
constexpr size_t tombstones_most = 1000;
constexpr size_t groups_a_turn = 64;

std::vector<timed_record> tombstones(std::string_view group, std::span<const offset_key> keys, base::unix_ms now) {
  std::vector<timed_record> records;
  records.reserve(keys.size());
  for (const offset_key& key : keys) {
    records.push_back(
        {.timestamp = now, .what = stored_offset{.group = group, .topic = key.topic, .partition = key.partition}});
  }
  return records;
}

/// The next of them that one batch takes, from `begin` on.
std::span<const offset_key> next_of(const std::vector<offset_key>& keys, size_t begin) {
  return std::span(keys).subspan(begin, std::min(tombstones_most, keys.size() - begin));
}

/// Who does not care what becomes of a write.
class nobody final : public coordinator_write {
 public:
  void done(group_error) override {}
};

}  // namespace

bool is_of_a_topic(const committed_offset& commit, std::string_view topic, const snapshot& topics) {
  const topic_info* const known = topics.find(topic);
  return known != nullptr && (commit.topic_id.is_zero() || commit.topic_id == known->id);
}

coordinator_shard::coordinator_shard(broker_core& on, const catalog& topics, group_commons& commons,
                                     const coordinator_options& options, waiting_calls& waiting, storage::log_id id)
    : core_(on), topics_(topics), commons_(commons), options_(options), waiting_(waiting), id_(id), log_(on, id) {}

coordinator_shard::~coordinator_shard() = default;

// ---- groups

hosted_group* coordinator_shard::find(std::string_view group) const {
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : found->second.get();
}

hosted_group& coordinator_shard::make(std::string_view group) {
  std::string id(group);
  auto made = std::make_unique<hosted_group>(*this, id, commons_, core_.on().now());
  return *groups_.emplace(std::move(id), std::move(made)).first->second;
}

hosted_group* coordinator_shard::find_or_make(std::string_view group) {
  if (hosted_group* const found = find(group)) return found;
  if (!commons_.has_room_for_group(hosted_group::own_bytes(group))) return nullptr;
  return &make(group);
}

std::vector<std::string> coordinator_shard::group_ids() const {
  std::vector<std::string> ids;
  ids.reserve(groups_.size());
  for (const auto& [id, g] : groups_) ids.push_back(id);
  std::ranges::sort(ids);
  return ids;
}

void hosted_group::run(reactor::core&) { in_.timer_ran(*this); }

void coordinator_shard::timer_ran(hosted_group& g) {
  group_effects effects;
  g.machine.expire(core_.on().now(), effects);
  carry_out(g, std::move(effects));
}

void coordinator_shard::settle(hosted_group& g) {
  g.recount();
  if (g.unused()) {
    groups_.erase(groups_.find(g.machine.id()));
    return;
  }
  const base::instant next = closed_ ? base::instant::never() : g.machine.next_deadline();
  reactor::timer_wheel& timers = core_.on().timers();
  if (next == base::instant::never()) {
    timers.disarm(g);
  } else if (!g.armed() || next < g.deadline()) {
    timers.arm(g, next);
  }
}

// ---- effects

void coordinator_shard::carry_out(hosted_group& g, group_effects effects) {
  for (const group_write& w : effects.writes) write_group(g, w);
  for (join_answer& a : effects.joins) answer<join_answer>(std::move(a));
  for (sync_answer& a : effects.syncs) answer<sync_answer>(std::move(a));
  settle(g);
}

template <class Answer>
void coordinator_shard::answer(Answer given) {
  using call = std::conditional_t<std::is_same_v<Answer, join_answer>, join_call, sync_call>;
  const auto found = waiting_.find(given.to.value());
  ASSERT(found != waiting_.end());
  call& to = static_cast<call&>(*found->second);
  waiting_.erase(found);
  to.answer = std::move(given);
  to.go_home();
}

/// A group's own record, on its way.
class coordinator_shard::group_written final : public coordinator_write {
 public:
  group_written(coordinator_shard& in, std::string group, group_write_id id) : in_(in), group_(std::move(group)), id_(id) {}
  void done(group_error outcome) override {
    hosted_group* const g = in_.find(group_);
    if (g == nullptr) return;
    group_effects effects;
    g->machine.written(id_, outcome, in_.core_.on().now(), effects);
    in_.carry_out(*g, std::move(effects));
  }

 private:
  coordinator_shard& in_;
  const std::string group_;
  const group_write_id id_;
};

void coordinator_shard::write_group(hosted_group& g, const group_write& write) {
  const clocks at = now();
  group_metadata record{.group = g.machine.id(), .state = {}};
  if (write.value) record.state = to_record(*write.value, at);
  const timed_record one{.timestamp = at.wall, .what = std::move(record)};
  append({&one, 1}, std::make_unique<group_written>(*this, g.machine.id(), write.id));
}

offsets_range coordinator_shard::append(std::span<const timed_record> records, std::unique_ptr<coordinator_write> who) {
  uint64_t most = batch_bytes_max(core_.on().memory().capacity());
  const topic_info* const topic = topics_.now().find_topic(id_.topic);
  if (topic != nullptr) most = std::min<uint64_t>(most, topic->config.max_message_bytes);
  return log_.append(records, static_cast<uint32_t>(most), std::move(who));
}

// ---- commits

reactor::task<group_error> coordinator_shard::commit(std::string group, const std::vector<new_commit>* commits) {
  std::vector<timed_record> records;
  records.reserve(commits->size());
  const base::unix_ms wall = core_.on().wall_clock();
  for (const new_commit& c : *commits) {
    records.push_back(
        {.timestamp = wall,
         .what = stored_offset{.group = group, .topic = c.topic, .partition = c.partition, .commit = to_stored(c.commit)}});
  }
  const bool waits = !base::mutated(base::mutant::commit_before_durable);
  awaited_write done;
  const offsets_range at = append(records, waits ? done.hook() : std::make_unique<nobody>());
  hosted_group* g = find(group);
  ASSERT(g != nullptr);
  for (size_t i = 0; i < commits->size(); ++i) {
    const new_commit& c = (*commits)[i];
    g->offsets.begin_put(at.begin + static_cast<int64_t>(i), c.topic, c.partition, c.commit);
  }
  g->recount();
  group_error outcome = group_error::none;
  if (waits) outcome = co_await done;
  g = find(group);
  if (g == nullptr) co_return outcome;
  outcome == group_error::none ? g->offsets.durable(at) : g->offsets.failed(at);
  settle(*g);
  co_return outcome;
}

reactor::task<group_error> coordinator_shard::forget(std::string group, std::vector<offset_key> keys) {
  for (size_t begin = 0; begin < keys.size(); begin += tombstones_most) {
    hosted_group* g = find(group);
    if (g == nullptr) break;
    const std::span<const offset_key> some = next_of(keys, begin);
    awaited_write done;
    const offsets_range at = append(tombstones(group, some, core_.on().wall_clock()), done.hook());
    for (size_t i = 0; i < some.size(); ++i) {
      g->offsets.begin_remove(at.begin + static_cast<int64_t>(i), some[i].topic, some[i].partition);
    }
    const group_error outcome = co_await done;
    g = find(group);
    if (g == nullptr) co_return outcome;
    outcome == group_error::none ? g->offsets.durable(at) : g->offsets.failed(at);
    settle(*g);
    if (outcome != group_error::none) co_return outcome;
  }
  co_return group_error::none;
}

/// What was committed for a topic that is not there, with what is on its way.
void coordinator_shard::forget_topic(hosted_group& g, const std::string& topic) {
  std::vector<offset_key> keys;
  for (const int32_t p : g.offsets.partitions_of(topic)) keys.push_back({topic, p});
  for (size_t begin = 0; begin < keys.size(); begin += tombstones_most) {
    append(tombstones(g.machine.id(), next_of(keys, begin), core_.on().wall_clock()), std::make_unique<nobody>());
  }
  g.offsets.remove_topic(topic);
}

reactor::task<void> coordinator_shard::forget_gone_topics() {
  size_t looked_at = 0;
  const std::vector<std::string> ids = group_ids();
  for (const std::string& id : ids) {
    if (closed_) co_return;
    if (++looked_at % groups_a_turn == 0) co_await reactor::next_turn(core_.on());
    hosted_group* const g = find(id);
    if (g == nullptr) continue;
    const snapshot& topics = topics_.now();
    for (const std::string& topic : g->offsets.topics()) {
      if (topics.find(topic) == nullptr) forget_topic(*g, topic);
    }
    // One that was made again: what is being committed for a partition replaces what was.
    std::vector<offset_key> former;
    g->offsets.each([&](std::string_view topic, int32_t partition, const committed_offset& commit) {
      if (is_of_a_topic(commit, topic, topics) || g->offsets.has_pending(topic, partition)) return;
      former.push_back({std::string(topic), partition});
    });
    settle(*g);
    std::string group = id;
    if (!former.empty()) co_await forget(std::move(group), std::move(former));
  }
}

// ---- the end

void coordinator_shard::close() {
  closed_ = true;
  for (const std::string& id : group_ids()) {
    hosted_group* const g = find(id);
    if (g == nullptr) continue;
    group_effects effects;
    g->machine.unload(effects);
    effects.writes.clear();
    carry_out(*g, std::move(effects));
  }
  log_.close();
}

}  // namespace millrace::broker
