#include <algorithm>

#include "wire/kafka/messages/consumer_protocol.hh"
#include "wire/kafka/messages/find_coordinator.hh"
#include "wire/kafka/messages/heartbeat.hh"
#include "wire/kafka/messages/leave_group.hh"
#include "wire/kafka/messages/sync_group.hh"
#include "workload/member.hh"
#include "workload/member_ask.hh"

/// How a member gets into its group, stays there and goes.

namespace millrace::swarm {

using reactor::task;
using namespace wire::kafka;

namespace {

constexpr std::string_view protocol_type = "consumer";
constexpr int16_t member_id_required = 79;
/// From these versions on: JoinGroup, SyncGroup, Heartbeat and LeaveGroup know instance ids (KIP-345).
constexpr int16_t join_instance_since = 5;
constexpr int16_t instance_since = 3;

/// A message of the members among themselves, behind its version.
template <class Message>
std::vector<uint8_t> said(const Message& message, int16_t version) {
  std::vector<uint8_t> bytes(2 + size_of(message, version));
  writer out(bytes);
  out.number<int16_t>(version);
  encode(out, message, version);
  return bytes;
}

/// "topic-3" in its parts.
std::pair<std::string_view, int32_t> parts_of(std::string_view partition) {
  const size_t dash = partition.rfind('-');
  return {partition.substr(0, dash), std::stoi(std::string(partition.substr(dash + 1)))};
}

std::vector<uint8_t> assignment_of(const std::vector<std::string_view>& partitions) {
  std::vector<consumer_protocol_assignment_topic_partition> topics;
  std::vector<int32_t> indexes;
  for (const std::string_view p : partitions) indexes.push_back(parts_of(p).second);
  for (size_t i = 0; i < partitions.size(); ++i) {
    topics.push_back({.topic = parts_of(partitions[i]).first, .partitions = {&indexes[i], 1}});
  }
  consumer_protocol_assignment all;
  all.assigned_partitions = {topics.data(), topics.size()};
  return said(all, 0);
}

}  // namespace

task<bool> member::find_coordinator() {
  const int16_t v = version(0, 6);
  std::string_view key = group_->name;
  find_coordinator_request request;
  request.key = key;
  request.coordinator_keys = {&key, 1};
  const base::instant since = on_.now();
  const auto got = co_await ask<find_coordinator_response>(&request, v, "find coordinator");
  if (!got) co_return false;
  int16_t code = got->body.error_code;
  if (v >= 4) {
    if (got->body.coordinators.size() != 1) co_return false;
    code = got->body.coordinators[0].error_code;
  }
  found_coordinator_ = code == 0;
  if (code != 0) refused_by_group("FindCoordinator", generation_, code, since);
  co_return true;
}

// ---- in

/// What it says about itself: to which topics it subscribes, and a number.
std::vector<uint8_t> member::subscription() {
  std::vector<std::string_view> names;
  for (const topic_ref& t : model_.topics) names.push_back(t->name);
  const uint8_t number[4] = {static_cast<uint8_t>(number_), static_cast<uint8_t>(revision_ >> 16),
                             static_cast<uint8_t>(revision_ >> 8), static_cast<uint8_t>(revision_)};
  consumer_protocol_subscription all;
  all.topics = {names.data(), names.size()};
  all.user_data = base::bytes(number);
  return said(all, version(0, 3));
}

task<bool> member::join() {
  const int16_t v = version(instance_ ? join_instance_since : 0, 9);
  const std::vector<uint8_t> about = subscription();
  join_group_request_protocol protocols[2] = {{.name = "range", .metadata = about}, {.name = "sticky", .metadata = about}};
  if (random_.chance(0.5)) std::swap(protocols[0], protocols[1]);
  join_group_request request;
  request.group_id = group_->name;
  request.session_timeout_ms = static_cast<int32_t>(session_.ms());
  request.rebalance_timeout_ms = static_cast<int32_t>(rebalance_.ms());
  request.member_id = id_;
  request.group_instance_id = instance();
  request.protocol_type = protocol_type;
  request.protocols = {protocols, 2};
  const base::instant since = on_.now();
  const int32_t floor = group_->generations.floor(link_.process());
  const auto got = co_await ask<join_group_response>(&request, v, "join group");
  if (!got) co_return false;
  if (got->body.error_code == 0) {
    joined(got->body, floor);
  } else if (got->body.error_code == member_id_required && id_.empty()) {
    id_ = got->body.member_id;
  } else {
    refused_by_group("JoinGroup", generation_, got->body.error_code, since);
  }
  co_return true;
}

void member::joined(const join_group_response& answer, int32_t floor) {
  group_->generations.read_in(link_.process());
  group_->generations.joined(model_.found, group_->name, link_.process(), answer.generation_id, floor);
  id_ = answer.member_id;
  generation_ = answer.generation_id;
  protocol_ = answer.protocol_name.value_or("");
  dealt_to_.clear();
  if (answer.leader == answer.member_id && !answer.skip_assignment) {
    for (const auto& m : answer.members) dealt_to_.emplace_back(m.member_id);
  }
  phase_ = phase::syncing;
}

/// The leader's word: each partition there is goes to one member. In the order of dealt_to_.
std::vector<std::vector<uint8_t>> member::deal() {
  const std::set<std::string> live = model_.live_partitions();
  std::vector<std::vector<std::string_view>> shares(dealt_to_.size());
  size_t next = random_.below(shares.size());
  const bool evenly = random_.chance(0.5);
  for (const std::string& p : live) {
    shares[next].push_back(p);
    next = evenly ? (next + 1) % shares.size() : random_.below(shares.size());
  }
  group_->deal(generation_, {live.begin(), live.end()});
  std::vector<std::vector<uint8_t>> all;
  for (const auto& share : shares) all.push_back(assignment_of(share));
  return all;
}

task<bool> member::sync() {
  const int16_t v = version(instance_ ? instance_since : 0, 5);
  std::vector<std::vector<uint8_t>> shares;
  std::vector<sync_group_request_assignment> assignments;
  if (!dealt_to_.empty()) shares = deal();
  for (size_t i = 0; i < shares.size(); ++i) assignments.push_back({.member_id = dealt_to_[i], .assignment = shares[i]});
  sync_group_request request;
  request.group_id = group_->name;
  request.generation_id = generation_;
  request.member_id = id_;
  request.group_instance_id = instance();
  request.protocol_type = protocol_type;
  request.protocol_name = protocol_;
  request.assignments = {assignments.data(), assignments.size()};
  const base::instant since = on_.now();
  const int32_t floor = group_->generations.floor(link_.process());
  const auto got = co_await ask<sync_group_response>(&request, v, "sync group");
  if (!got) co_return false;
  if (got->body.error_code != 0) {
    rejoin();
    refused_by_group("SyncGroup", generation_, got->body.error_code, since);
    co_return true;
  }
  group_->generations.read_in(link_.process());
  group_->generations.synced(model_.found, group_->name, generation_, floor);
  assigned(got->body.assignment);
  co_return true;
}

/// A member of whom the leader did not know has nothing.
void member::assigned(base::bytes assignment) {
  std::vector<std::string> names;
  owned_.clear();
  if (!assignment.empty()) {
    reader in(assignment);
    const auto v = in.number<int16_t>();
    arena memory(size_t{1} << 20);
    const auto mine = decode<consumer_protocol_assignment>(in, v, memory);
    if (v != 0 || !mine) return model_.safety("answers_decode", "an assignment that no leader made: " + group_->name);
    for (const auto& t : mine->assigned_partitions) {
      for (const int32_t p : t.partitions) names.push_back(std::string(t.topic) + "-" + std::to_string(p));
    }
  }
  group_->owners.assigned(model_.found, group_->name, generation_, owner(), names);
  for (const std::string& name : names) {
    const auto [topic, partition] = parts_of(name);
    const auto live =
        std::ranges::find(model_.topics, topic, [](const topic_ref& t) -> std::string_view { return t->name; });
    if (live == model_.topics.end() || static_cast<size_t>(partition) >= (*live)->partitions.size()) continue;
    owned_.push_back({*live, partition});
  }
  group_->standing.inside(number_, generation_, std::move(names));
  phase_ = phase::inside;
  fetch_first_ = !owned_.empty();
}

// ---- there

task<bool> member::heartbeat(int32_t generation) {
  const int16_t v = version(instance_ ? instance_since : 0, 4);
  heartbeat_request request;
  request.group_id = group_->name;
  request.generation_id = generation;
  request.member_id = id_;
  request.group_instance_id = instance();
  const base::instant since = on_.now();
  const int32_t floor = group_->generations.floor(link_.process());
  const bool is_read = group_->generations.is_read_in(link_.process());
  const auto got = co_await ask<heartbeat_response>(&request, v, "heartbeat");
  if (!got) co_return false;
  if (got->body.error_code != 0) {
    refused_by_group("Heartbeat", generation, got->body.error_code, since);
    co_return true;
  }
  // Where it owns nothing, nothing else tells whether the group has been read.
  if (is_read || owned_.empty()) group_->standing.confirmed(number_, since);
  if (!is_read) co_return true;
  generations_rise::accepted(model_.found, group_->name, "Heartbeat", generation, floor);
  co_return true;
}

/// One that the group does not know any more is out, too.
task<bool> member::leave() {
  const int16_t v = version(instance_ ? instance_since : 0, 5);
  leave_group_request_member_identity me{.member_id = id_, .group_instance_id = instance()};
  leave_group_request request;
  request.group_id = group_->name;
  request.member_id = id_;
  request.members = {&me, 1};
  const base::instant since = on_.now();
  const auto got = co_await ask<leave_group_response>(&request, v, "leave group");
  if (!got) co_return false;
  if (got->body.error_code != 0) refused_by_group("LeaveGroup", generation_, got->body.error_code, since);
  co_return true;
}

}  // namespace millrace::swarm
