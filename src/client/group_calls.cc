#include <algorithm>

#include "client/call.hh"
#include "client/group_member.hh"
#include "client/kafka_code.hh"
#include "millrace/admin.hh"
#include "wire/kafka/messages/consumer_protocol.hh"
#include "wire/kafka/messages/heartbeat.hh"
#include "wire/kafka/messages/join_group.hh"
#include "wire/kafka/messages/leave_group.hh"
#include "wire/kafka/messages/offset_commit.hh"
#include "wire/kafka/messages/offset_fetch.hh"
#include "wire/kafka/messages/sync_group.hh"

/// What a member says to its coordinator, and the members to each other.

namespace millrace::client {

using base::result;
using reactor::task;
using namespace wire::kafka;

namespace {

constexpr std::string_view protocol_type = "consumer";
constexpr std::string_view assignor = "range";

result<void> as_result(int16_t code) {
  if (code != code::none) return base::fail(base::errc::refused, code);
  return {};
}

/// A message of the members among themselves, in version 0 and behind it.
template <class Message>
std::vector<uint8_t> said(const Message& message) {
  std::vector<uint8_t> bytes(2 + size_of(message, 0));
  writer out(bytes);
  out.number<int16_t>(0);
  encode(out, message, 0);
  return bytes;
}

/// The same read; later versions only add fields.
template <class Message>
result<Message> heard(base::bytes bytes, arena& memory) {
  reader in(bytes);
  const auto version = in.number<int16_t>();
  if (!in.ok() || version < 0) return base::fail(base::errc::malformed);
  return decode<Message>(in, std::min(version, Message::max_version), memory);
}

/// One more element of `all`, the last one, belongs to `part`. `all` has room and does not move.
template <class T>
void grow(array<T>& part, std::vector<T>& all) {
  part = {&all.back() - part.size(), part.size() + 1};
}

std::vector<uint8_t> assignment_of(const group_share& share) {
  std::vector<consumer_protocol_assignment_topic_partition> topics;
  for (const auto& [topic, partitions] : share.partitions) {
    topics.push_back({.topic = topic, .partitions = {const_cast<int32_t*>(partitions.data()), partitions.size()}});
  }
  consumer_protocol_assignment all;
  all.assigned_partitions = {topics.data(), topics.size()};
  return said(all);
}

}  // namespace

task<result<void>> group_member::join() {
  std::vector<std::string_view> names(options_.topics.begin(), options_.topics.end());
  consumer_protocol_subscription subscription;
  subscription.topics = {names.data(), names.size()};
  const std::vector<uint8_t> about = said(subscription);
  join_group_request_protocol protocol{.name = assignor, .metadata = about};
  join_group_request request;
  request.group_id = options_.group;
  request.session_timeout_ms = static_cast<int32_t>(options_.session_timeout.ms());
  request.rebalance_timeout_ms = static_cast<int32_t>(options_.rebalance_timeout.ms());
  request.member_id = id_;
  request.protocol_type = protocol_type;
  request.protocols = {&protocol, 1};
  // The answer waits for the others, as long as they may take.
  const base::duration limit = options_.rebalance_timeout + base::seconds(5);
  CO_TRY(const auto got, (co_await call<join_group_response, join_group_request>(link_, &request, 7, limit)));
  if (got.body.error_code == code::member_id_required) id_ = got.body.member_id;
  CO_TRY_CHECK(as_result(got.body.error_code));
  id_ = got.body.member_id;
  generation_ = got.body.generation_id;
  protocol_ = got.body.protocol_name.value_or("");
  members_.clear();
  if (got.body.leader != got.body.member_id) co_return result<void>();
  for (const join_group_response_member& m : got.body.members) {
    arena memory(size_t{16} << 20);
    CO_TRY(const auto about_it, heard<consumer_protocol_subscription>(m.metadata, memory));
    group_subscription one{.member = std::string(m.member_id), .topics = {}};
    for (const std::string_view topic : about_it.topics) one.topics.emplace_back(topic);
    members_.push_back(std::move(one));
  }
  co_return result<void>();
}

/// The leader's part: who gets what.
task<result<std::vector<group_share>>> group_member::deal() {
  std::map<std::string, int32_t> partitions;
  for (const group_subscription& m : members_) {
    for (const std::string& topic : m.topics) {
      if (partitions.contains(topic)) continue;
      CO_TRY(const topic_metadata* known, co_await client_.topic(topic));
      partitions[topic] = static_cast<int32_t>(known->partitions.size());
    }
  }
  co_return assign_ranges(members_, partitions);
}

task<result<void>> group_member::sync() {
  std::vector<group_share> shares;
  if (!members_.empty()) {
    CO_TRY(shares, co_await deal());
  }
  std::vector<std::vector<uint8_t>> bytes;
  for (const group_share& share : shares) bytes.push_back(assignment_of(share));
  std::vector<sync_group_request_assignment> assignments;
  for (size_t i = 0; i < shares.size(); ++i) assignments.push_back({.member_id = shares[i].member, .assignment = bytes[i]});
  sync_group_request request;
  request.group_id = options_.group;
  request.generation_id = generation_;
  request.member_id = id_;
  request.protocol_type = protocol_type;
  request.protocol_name = protocol_;
  request.assignments = {assignments.data(), assignments.size()};
  const base::duration limit = options_.rebalance_timeout + base::seconds(5);
  CO_TRY(const auto got, (co_await call<sync_group_response, sync_group_request>(link_, &request, 5, limit)));
  CO_TRY_CHECK(as_result(got.body.error_code));
  co_return co_await take_share(got.body.assignment);
}

task<result<void>> group_member::take_share(base::bytes assignment) {
  std::vector<start_position> share;
  if (!assignment.empty()) {
    arena memory(size_t{16} << 20);
    CO_TRY(const auto mine, heard<consumer_protocol_assignment>(assignment, memory));
    for (const auto& t : mine.assigned_partitions) {
      for (const int32_t p : t.partitions) share.push_back({.topic = std::string(t.topic), .partition = p, .offset = -1});
    }
  }
  if (!share.empty()) {
    CO_TRY_CHECK(co_await fetch_offsets(&share));
  }
  share_ = share;
  co_return co_await consumer_.assign(std::move(share));
}

/// Where the group is; where it has said nothing, the begin or the end.
task<result<void>> group_member::fetch_offsets(std::vector<start_position>* share) {
  std::vector<int32_t> indexes;
  std::vector<offset_fetch_request_topic> topics;
  indexes.reserve(share->size());
  for (const start_position& p : *share) {
    if (topics.empty() || topics.back().name != p.topic) topics.push_back({.name = p.topic, .partition_indexes = {}});
    indexes.push_back(p.partition);
    grow(topics.back().partition_indexes, indexes);
  }
  offset_fetch_request request;
  request.group_id = options_.group;
  request.topics = array<offset_fetch_request_topic>(topics.data(), topics.size());
  CO_TRY(const auto got, (co_await call<offset_fetch_response, offset_fetch_request>(link_, &request, 7)));
  CO_TRY_CHECK(as_result(got.body.error_code));
  for (const auto& t : got.body.topics) {
    for (const auto& p : t.partitions) {
      CO_TRY_CHECK(as_result(p.error_code));
      for (start_position& mine : *share) {
        if (mine.topic == t.name && mine.partition == p.partition_index) mine.offset = p.committed_offset;
      }
    }
  }
  std::map<std::string, std::vector<int64_t>> starts;
  admin asking(client_);
  for (start_position& p : *share) {
    if (p.offset >= 0) continue;
    if (!starts.contains(p.topic)) {
      CO_TRY(starts[p.topic], co_await asking.list_offsets(p.topic, options_.from_begin ? earliest : latest));
    }
    p.offset = starts[p.topic].at(static_cast<size_t>(p.partition));
  }
  co_return result<void>();
}

task<result<void>> group_member::heartbeat() {
  heartbeat_request request;
  request.group_id = options_.group;
  request.generation_id = generation_;
  request.member_id = id_;
  CO_TRY(const auto got, (co_await call<heartbeat_response, heartbeat_request>(link_, &request)));
  co_return as_result(got.body.error_code);
}

task<result<void>> group_member::commit(std::vector<start_position> positions) {
  std::vector<offset_commit_request_partition> partitions;
  std::vector<offset_commit_request_topic> topics;
  partitions.reserve(positions.size());
  for (const start_position& p : positions) {
    if (topics.empty() || topics.back().name != p.topic)
      topics.push_back({.name = p.topic, .topic_id = {}, .partitions = {}});
    partitions.push_back({.partition_index = p.partition, .committed_offset = p.offset, .committed_metadata = ""});
    grow(topics.back().partitions, partitions);
  }
  offset_commit_request request;
  request.group_id = options_.group;
  request.generation_id_or_member_epoch = generation_;
  request.member_id = id_;
  request.topics = {topics.data(), topics.size()};
  CO_TRY(const auto got, (co_await call<offset_commit_response, offset_commit_request>(link_, &request, 8)));
  for (const auto& t : got.body.topics) {
    for (const auto& p : t.partitions) {
      CO_TRY_CHECK(as_result(p.error_code));
    }
  }
  co_return result<void>();
}

task<void> group_member::leave() {
  if (link_ == nullptr || !link_->is_open() || id_.empty()) co_return;
  leave_group_request_member_identity me{.member_id = id_, .group_instance_id = {}, .reason = {}};
  leave_group_request request;
  request.group_id = options_.group;
  request.member_id = id_;
  request.members = {&me, 1};
  // Whether it came to know of us going does not matter any more.
  const auto gone = co_await call<leave_group_response, leave_group_request>(link_, &request);
  static_cast<void>(gone);
}

}  // namespace millrace::client
