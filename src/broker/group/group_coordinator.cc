#include "broker/group/group_coordinator.hh"

#include <algorithm>

#include "broker/catalog/names.hh"
#include "broker/group/consumer_subscription.hh"
#include "broker/group/java_string.hh"

namespace millrace::broker {

namespace {

size_t bytes_max(const coordinator_options& options, reactor::core& on) {
  return options.bytes_max > 0 ? options.bytes_max : on.memory().capacity() / 16;
}

}  // namespace

std::optional<group_place> place_of_group(const snapshot& topics, std::string_view group) {
  const topic_info* const topic = topics.find(consumer_offsets_topic);
  if (topic == nullptr) return std::nullopt;
  const int32_t partition = coordinator_partition(group, static_cast<int32_t>(topic->partitions.size()));
  return group_place{partition, topic->partitions[static_cast<size_t>(partition)].owner};
}

group_coordinator::group_coordinator(broker_core& on, const catalog& topics, coordinator_options options)
    : core_(on),
      topics_(topics),
      options_(options),
      commons_(options_.groups, bytes_max(options_, on.on())),
      retention_(*this),
      scope_(std::make_unique<reactor::scope>(on.on())) {}

group_coordinator::~group_coordinator() = default;

// ---- life

void group_coordinator::start() {
  core_.on().timers().arm(retention_, core_.on().now() + options_.retention_check);
  const topic_info* const topic = topics_.now().find(consumer_offsets_topic);
  if (topic == nullptr) return;
  for (size_t p = 0; p < topic->partitions.size(); ++p) {
    if (topic->partitions[p].owner == core_.on().id()) shard_at(*topic, static_cast<int32_t>(p));
  }
}

reactor::task<void> group_coordinator::stop() {
  stopping_ = true;
  core_.on().timers().disarm(retention_);
  for (auto& [partition, shard] : shards_) shard->close();
  co_await scope_->close();
}

void group_coordinator::abandon() noexcept {
  stopping_ = true;
  scope_->abandon();
  for (auto& [partition, shard] : shards_) shard->abandon();
  waiting_.clear();
}

coordinator_shard* group_coordinator::shard_at(const topic_info& topic, int32_t partition) {
  const auto found = shards_.find(partition);
  if (found != shards_.end()) return found->second.get();
  const storage::log_id id = topic.partitions[static_cast<size_t>(partition)].id;
  auto made = std::make_unique<coordinator_shard>(core_, topics_, commons_, options_, waiting_, id);
  coordinator_shard* const shard = shards_.emplace(partition, std::move(made)).first->second.get();
  shard->load_if_empty();
  if (!shard->loaded()) {
    to_load_.push_back(shard);
    if (!loading_) scope_->spawn(load_all(), "groups are read");
    loading_ = true;
  }
  return shard;
}

reactor::task<void> group_coordinator::load_all() {
  while (!to_load_.empty() && !stopping_) {
    coordinator_shard* const next = to_load_.front();
    to_load_.pop_front();
    co_await next->load();
  }
  loading_ = false;
}

group_coordinator::located group_coordinator::shard_of(std::string_view group) {
  const topic_info* const topic = topics_.now().find(consumer_offsets_topic);
  if (stopping_ || topic == nullptr) return {nullptr, group_error::not_coordinator};
  const int32_t partition = coordinator_partition(group, static_cast<int32_t>(topic->partitions.size()));
  if (topic->partitions[static_cast<size_t>(partition)].owner != core_.on().id()) {
    return {nullptr, group_error::not_coordinator};
  }
  coordinator_shard* const shard = shard_at(*topic, partition);
  if (!shard->loaded()) return {nullptr, group_error::coordinator_load_in_progress};
  return {shard, group_error::none};
}

// ---- members

/// The call is an event of its group, and has a name there until it is answered.
template <class Call, class Event>
void group_coordinator::begin(Call& call, Event event) {
  const located at = shard_of(call.group);
  hosted_group* const g = at.shard == nullptr ? nullptr : at.shard->find_or_make(call.group);
  if (g == nullptr) {
    call.fail(at.shard == nullptr ? at.error : group_error::coordinator_not_available);
    return call.go_home();
  }
  call.waiter = group_waiter(++last_waiter_);
  waiting_.emplace(call.waiter.value(), &call);
  group_effects effects;
  (g->machine.*event)(std::move(call.request), call.waiter, core_.on().now(), effects);
  at.shard->carry_out(*g, std::move(effects));
}

void group_coordinator::begin(join_call& call) { begin(call, &group::join); }
void group_coordinator::begin(sync_call& call) { begin(call, &group::sync); }

void group_coordinator::gone(parked_call& call) {
  const auto found = waiting_.find(call.waiter.value());
  if (found == waiting_.end() || found->second != &call) return;  // its answer is on the way
  waiting_.erase(found);
  const located at = shard_of(call.group);
  hosted_group* const g = at.shard == nullptr ? nullptr : at.shard->find(call.group);
  if (g != nullptr) {
    group_effects effects;
    g->machine.gone(call.waiter, core_.on().now(), effects);
    at.shard->carry_out(*g, std::move(effects));
  }
  call.fail(group_error::rebalance_in_progress);
  call.go_home();
}

group_error group_coordinator::heartbeat(std::string_view group, const member_reference& from) {
  if (group.empty()) return group_error::invalid_group_id;
  const located at = shard_of(group);
  // Who is a member is not known yet. Kafka answers none too, and some clients take anything else for the end.
  if (at.error == group_error::coordinator_load_in_progress) return group_error::none;
  if (at.shard == nullptr) return at.error;
  hosted_group* const g = at.shard->find(group);
  if (g == nullptr) return group_error::unknown_member_id;
  const group_error answer = g->machine.heartbeat(from, core_.on().now());
  at.shard->settle(*g);
  return answer;
}

leave_answer group_coordinator::leave(std::string_view group, std::span<const leaving_member> members) {
  if (group.empty()) return {group_error::invalid_group_id, {}};
  const located at = shard_of(group);
  if (at.shard == nullptr) return {at.error, {}};
  hosted_group* const g = at.shard->find(group);
  if (g == nullptr) return {group_error::none, std::vector(members.size(), group_error::unknown_member_id)};
  group_effects effects;
  leave_answer answer = g->machine.leave(members, core_.on().now(), effects);
  at.shard->carry_out(*g, std::move(effects));
  return answer;
}

// ---- offsets

reactor::task<base::result<group_error>> group_coordinator::commit(const commit_request* asked) {
  const located at = shard_of(asked->group);
  if (at.shard == nullptr) co_return at.error;
  hosted_group* g = at.shard->find(asked->group);
  if (g == nullptr && asked->from.generation >= 0) co_return group_error::group_id_not_found;
  size_t more = 0;
  for (const new_commit& c : asked->commits) more += committed_offsets::bytes_most(c.topic, c.commit.metadata);
  const bool has_room = g == nullptr ? commons_.has_room_for_group(more) : commons_.has_room(more);
  if (!has_room) co_return group_error::coordinator_not_available;
  if (g == nullptr) g = at.shard->find_or_make(asked->group);
  if (g == nullptr) co_return group_error::coordinator_not_available;
  const group_error refused = g->machine.check_commit(asked->from, false, core_.on().now());
  if (refused != group_error::none || asked->commits.empty()) {
    at.shard->settle(*g);
    co_return refused;
  }
  std::string group = asked->group;
  const group_error outcome = co_await at.shard->commit(std::move(group), &asked->commits);
  co_return outcome;
}

fetched_offsets group_coordinator::fetch(std::string_view group, const std::vector<offset_key>* keys) {
  fetched_offsets answer;
  const located at = shard_of(group);
  answer.error = at.error;
  if (at.shard == nullptr) return answer;
  const hosted_group* const g = at.shard->find(group);
  const snapshot& topics = topics_.now();
  if (keys != nullptr) {
    answer.offsets.reserve(keys->size());
    for (const offset_key& key : *keys) {
      const committed_offset* const found = g == nullptr ? nullptr : g->offsets.find(key.topic, key.partition);
      const bool shown = found != nullptr && is_of_a_topic(*found, key.topic, topics);
      answer.offsets.push_back({key, shown ? std::optional(*found) : std::nullopt});
    }
  } else if (g != nullptr) {
    g->offsets.each([&](std::string_view topic, int32_t partition, const committed_offset& commit) {
      if (is_of_a_topic(commit, topic, topics)) answer.offsets.push_back({{std::string(topic), partition}, commit});
    });
  }
  return answer;
}

reactor::task<base::result<deleted_offsets>> group_coordinator::delete_offsets(std::string group,
                                                                               std::vector<offset_key> keys) {
  deleted_offsets answer;
  const located at = shard_of(group);
  answer.error = group.empty() ? group_error::invalid_group_id : at.error;
  hosted_group* const g = at.shard == nullptr ? nullptr : at.shard->find(group);
  if (answer.error == group_error::none && (g == nullptr || g->machine.state() == group_state::dead)) {
    answer.error = group_error::group_id_not_found;
  }
  if (answer.error != group_error::none) co_return std::move(answer);
  answer.subscribed.assign(keys.size(), false);
  if (g->machine.state() != group_state::empty) {
    if (g->machine.protocol_type() != consumer_protocol_type) {
      answer.error = group_error::non_empty_group;
      co_return std::move(answer);
    }
    // What nobody can read may be anything.
    const auto topics = g->machine.subscribed_topics();
    for (size_t i = 0; i < keys.size(); ++i) {
      answer.subscribed[i] = !topics || std::ranges::binary_search(*topics, keys[i].topic);
    }
  }
  std::vector<offset_key> going;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!answer.subscribed[i] && g->offsets.find(keys[i].topic, keys[i].partition) != nullptr) going.push_back(keys[i]);
  }
  answer.error = co_await at.shard->forget(std::move(group), std::move(going));
  co_return std::move(answer);
}

// ---- what an administrator asks

described_group group_coordinator::describe(std::string_view group) {
  const located at = shard_of(group);
  if (at.shard == nullptr) return {at.error, {}};
  hosted_group* const g = at.shard->find(group);
  if (g == nullptr) return {group_error::group_id_not_found, {}};
  return {group_error::none, g->machine.describe()};
}

size_t group_coordinator::groups() const noexcept {
  size_t count = 0;
  for (const auto& [partition, shard] : shards_) count += shard->groups();
  return count;
}

group_list group_coordinator::list() {
  group_list out;
  for (auto& [partition, shard] : shards_) {
    if (!shard->loaded()) {
      out.complete = false;
      continue;
    }
    shard->each([&](const hosted_group& g) {
      out.groups.push_back({g.machine.id(), g.machine.protocol_type(), g.machine.state()});
    });
  }
  std::ranges::sort(out.groups, {}, &listed_group::id);
  return out;
}

reactor::task<base::result<group_error>> group_coordinator::remove(std::string group) {
  const located at = shard_of(group);
  if (at.shard == nullptr) co_return at.error;
  const group_error outcome = co_await at.shard->remove(std::move(group));
  co_return outcome;
}

// ---- in the background

void group_coordinator::look_for_expired() {
  core_.on().timers().arm(retention_, core_.on().now() + options_.retention_check);
  if (expiring_ || stopping_) return;
  expiring_ = true;
  scope_->spawn(expire_all(), "offset retention");
}

reactor::task<void> group_coordinator::expire_all() {
  for (auto& [partition, shard] : shards_) {
    if (stopping_) break;
    co_await shard->expire();
  }
  expiring_ = false;
}

void group_coordinator::topics_changed() {
  forget_again_ = true;
  if (forgetting_ || stopping_) return;
  forgetting_ = true;
  scope_->spawn(forget_gone_topics(), "offsets of deleted topics");
}

reactor::task<void> group_coordinator::forget_gone_topics() {
  while (forget_again_ && !stopping_) {
    forget_again_ = false;
    for (auto& [partition, shard] : shards_) {
      if (stopping_) break;
      if (shard->loaded()) co_await shard->forget_gone_topics();
    }
  }
  forgetting_ = false;
}

}  // namespace millrace::broker
