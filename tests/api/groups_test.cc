#include <doctest/doctest.h>

#include "broker/catalog/names.hh"
#include "broker/group/java_string.hh"
#include "kafka_node.hh"
#include "wire/kafka/messages/create_partitions.hh"
#include "wire/kafka/messages/delete_groups.hh"
#include "wire/kafka/messages/delete_topics.hh"
#include "wire/kafka/messages/describe_groups.hh"
#include "wire/kafka/messages/find_coordinator.hh"
#include "wire/kafka/messages/heartbeat.hh"
#include "wire/kafka/messages/join_group.hh"
#include "wire/kafka/messages/leave_group.hh"
#include "wire/kafka/messages/list_groups.hh"
#include "wire/kafka/messages/offset_commit.hh"
#include "wire/kafka/messages/offset_delete.hh"
#include "wire/kafka/messages/offset_fetch.hh"
#include "wire/kafka/messages/sync_group.hh"

/// Groups through the Kafka door, frame in, frame out, from every core: what the state machine does in detail is tested in
/// tests/broker.

namespace millrace::api::kafka {
namespace {

using namespace test;
using namespace wire::kafka;

constexpr std::string_view group = "readers";

void find(kafka_node& k, unsigned core = 0) {
  find_coordinator_request request;
  request.key = group;
  REQUIRE(k.ask<find_coordinator_response>(request, 3, core).body.error_code == 0);
}

/// The one group's member, as a client remembers it.
struct member {
  std::string id;
  int32_t generation = -1;
};

/// What a consumer says of itself: it subscribes to topic "t".
std::vector<uint8_t> subscription() { return {0, 0, 0, 0, 0, 1, 0, 1, 't', 0xff, 0xff, 0xff, 0xff}; }

answered<join_group_response> join(kafka_node& k, std::string_view id, int16_t version, unsigned core) {
  std::vector<uint8_t> said = subscription();
  join_group_request_protocol protocol{.name = "range", .metadata = said};
  join_group_request request;
  request.group_id = group;
  request.session_timeout_ms = 10000;
  request.rebalance_timeout_ms = 10000;
  request.member_id = id;
  request.protocol_type = "consumer";
  request.protocols = {&protocol, 1};
  return k.ask<join_group_response>(request, version, core);
}

int16_t sync(kafka_node& k, const member& m, int16_t version, unsigned core, std::vector<uint8_t>* assignment) {
  std::vector<uint8_t> share{1, 2, 3};
  sync_group_request_assignment given{.member_id = m.id, .assignment = share};
  sync_group_request request;
  request.group_id = group;
  request.generation_id = m.generation;
  request.member_id = m.id;
  request.protocol_type = "consumer";
  request.protocol_name = "range";
  request.assignments = {&given, 1};
  const auto got = k.ask<sync_group_response>(request, version, core);
  assignment->assign(got.body.assignment.begin(), got.body.assignment.end());
  return got.body.error_code;
}

/// Joins, syncs, and is the only member.
member enter(kafka_node& k, int16_t version = 9, unsigned core = 0) {
  auto got = join(k, "", version, core);
  if (got.body.error_code == 79) got = join(k, std::string(got.body.member_id), version, core);
  REQUIRE(got.body.error_code == 0);
  member m{std::string(got.body.member_id), got.body.generation_id};
  CHECK(got.body.leader == m.id);
  CHECK(got.body.members.size() == 1);
  std::vector<uint8_t> assignment;
  REQUIRE(sync(k, m, std::min<int16_t>(version, 5), core, &assignment) == 0);
  CHECK(assignment == std::vector<uint8_t>{1, 2, 3});
  return m;
}

int16_t heartbeat(kafka_node& k, const member& m, int16_t version = 4, unsigned core = 0) {
  heartbeat_request request;
  request.group_id = group;
  request.generation_id = m.generation;
  request.member_id = m.id;
  return k.ask<heartbeat_response>(request, version, core).body.error_code;
}

struct committed {
  int64_t offset = -1;
  int16_t error = 0;
  std::string metadata;
  friend bool operator==(const committed&, const committed&) = default;
};
std::ostream& operator<<(std::ostream& out, const committed& c) {
  return out << c.offset << '/' << c.error << '/' << c.metadata;
}

int16_t commit(kafka_node& k, const member& m, std::string_view topic, int32_t partition, int64_t offset,
               int16_t version = 9, unsigned core = 0, std::string_view said = "mine", std::string_view of = group) {
  offset_commit_request_partition p{.partition_index = partition, .committed_offset = offset, .committed_metadata = said};
  offset_commit_request_topic t{.name = topic, .partitions = {&p, 1}};
  if (const auto* known = k.b.seen().find(topic)) t.topic_id = known->id;
  offset_commit_request request;
  request.group_id = of;
  request.generation_id_or_member_epoch = m.generation;
  request.member_id = m.id;
  request.topics = {&t, 1};
  return k.ask<offset_commit_response>(request, version, core).body.topics[0].partitions[0].error_code;
}

committed fetch(kafka_node& k, std::string_view topic, int32_t partition, int16_t version = 9, unsigned core = 0,
                std::string_view of = group) {
  offset_fetch_request request;
  offset_fetch_request_topic old_topic{.name = topic, .partition_indexes = {&partition, 1}};
  offset_fetch_request_topics new_topic{.name = topic, .partition_indexes = {&partition, 1}};
  if (const auto* known = k.b.seen().find(topic)) new_topic.topic_id = known->id;
  offset_fetch_request_group asked{.group_id = of, .topics = array<offset_fetch_request_topics>(&new_topic, 1)};
  request.group_id = of;
  request.topics = array<offset_fetch_request_topic>(&old_topic, 1);
  request.groups = {&asked, 1};
  const auto got = k.ask<offset_fetch_response>(request, version, core);
  if (version < 8) {
    if (got.body.error_code != 0) return {-1, got.body.error_code, ""};
    const auto& p = got.body.topics[0].partitions[0];
    return {p.committed_offset, p.error_code, std::string(p.metadata.value_or(""))};
  }
  if (got.body.groups[0].error_code != 0) return {-1, got.body.groups[0].error_code, ""};
  const auto& p = got.body.groups[0].topics[0].partitions[0];
  return {p.committed_offset, p.error_code, std::string(p.metadata.value_or(""))};
}

const member nobody{"", -1};

}  // namespace

TEST_CASE("the topic of groups is made by the first FindCoordinator, as Kafka makes it, and is the broker's own") {
  broker::broker_settings settings;
  settings.offsets_topic_partitions = 7;
  kafka_node k(1, 2, settings);
  CHECK(fetch(k, "t", 0).error == 16);
  find(k, 1);
  const broker::topic_info* topic = k.b.seen().find(broker::consumer_offsets_topic);
  REQUIRE(topic != nullptr);
  CHECK(topic->internal);
  CHECK(topic->partitions.size() == 7);
  CHECK(topic->config.overrides.at("cleanup.policy") == "compact");
  CHECK(topic->config.overrides.at("segment.bytes") == "104857600");
  find(k, 0);

  std::vector<std::string_view> names{broker::consumer_offsets_topic};
  delete_topics_request deletion;
  deletion.topic_names = list(names);
  CHECK(k.ask<delete_topics_response>(deletion, 4).body.responses[0].error_code == 17);
  std::vector<create_partitions_request_topic> grown{{.name = broker::consumer_offsets_topic, .count = 9}};
  create_partitions_request growth;
  growth.topics = list(grown);
  CHECK(k.ask<create_partitions_response>(growth, 2).body.results[0].error_code == 17);
  CHECK(k.b.remove(std::string(broker::consumer_offsets_topic)).error->code == base::errc::invalid_topic);
}

TEST_CASE("a consumer's life, by version and core: join, sync, heartbeat, commit, fetch, leave") {
  for (unsigned core = 0; core < 3; ++core) {
    for (int16_t version = 0; version <= 9; ++version) {
      CAPTURE(version);
      CAPTURE(core);
      kafka_node k(static_cast<uint64_t>(version) + 1, 3);
      k.create("t", 2);
      find(k, core);
      const member m = enter(k, version, core);
      CHECK(m.generation == 1);
      CHECK(heartbeat(k, m, std::min<int16_t>(version, 4), core) == 0);
      const auto commit_version = static_cast<int16_t>(std::max<int16_t>(version, 1) + 1);
      CHECK(commit(k, m, "t", 1, 40 + version, commit_version, core) == 0);
      const auto fetch_version = static_cast<int16_t>(version + 1);
      CHECK(fetch(k, "t", 1, fetch_version, core) == committed{40 + version, 0, "mine"});
      CHECK(fetch(k, "t", 0, fetch_version, core) == committed{});
      leave_group_request_member_identity leaving{.member_id = m.id};
      leave_group_request request;
      request.group_id = group;
      request.member_id = m.id;
      request.members = {&leaving, 1};
      const auto left = k.ask<leave_group_response>(request, std::min<int16_t>(version, 5), core);
      CHECK(left.body.error_code == 0);
      if (version >= 3) CHECK(left.body.members[0].error_code == 0);
      CHECK(heartbeat(k, m) == 25);
      CHECK(fetch(k, "t", 1) == committed{40 + version, 0, "mine"});
    }
  }
}

TEST_CASE("what a group is and what it committed are there after a restart, whatever the number of cores") {
  kafka_node k(3, 2);
  k.create("t", 3);
  find(k);
  const member m = enter(k);
  CHECK(commit(k, m, "t", 0, 10) == 0);
  CHECK(commit(k, m, "t", 1, 11) == 0);
  CHECK(commit(k, m, "t", 0, 12) == 0);
  CHECK(commit(k, nobody, "t", 2, 5, 9, 0, "", "alone") == 0);
  k.restart();
  // Until the log has been read, who asks is told to ask again.
  CHECK(fetch(k, "t", 0).error == 14);
  // But not who only says that it is there, member or not.
  member stranger = m;
  stranger.id = "stranger";
  CHECK(heartbeat(k, stranger) == 0);
  REQUIRE(k.b.w.run_until([&] { return fetch(k, "t", 0).error != 14 && fetch(k, "t", 2, 9, 0, "alone").error != 14; },
                          base::seconds(10)));
  CHECK(fetch(k, "t", 0) == committed{12, 0, "mine"});
  CHECK(fetch(k, "t", 1) == committed{11, 0, "mine"});
  CHECK(fetch(k, "t", 2, 9, 1, "alone") == committed{5, 0, ""});
  // The member goes on where it was.
  CHECK(heartbeat(k, stranger) == 25);
  CHECK(heartbeat(k, m) == 0);
  CHECK(commit(k, m, "t", 0, 13) == 0);
}

TEST_CASE("commits: who may not, and what may not be committed") {
  kafka_node k(4, 2);
  k.create("t", 2);
  CHECK(commit(k, nobody, "t", 0, 1) == 16);
  find(k);
  const member stranger{"stranger", 3};
  CHECK(commit(k, stranger, "t", 0, 1, 8) == 22);
  CHECK(commit(k, stranger, "t", 0, 1, 9) == 69);
  const member m = enter(k);
  CHECK(commit(k, nobody, "t", 0, 1) == 25);
  CHECK(commit(k, {m.id, m.generation + 1}, "t", 0, 1) == 22);
  CHECK(commit(k, stranger, "t", 0, 1) == 25);
  CHECK(commit(k, m, "t", 2, 1) == 3);
  CHECK(commit(k, m, "t", -1, 1) == 3);
  CHECK(commit(k, m, "other", 0, 1) == 3);
  CHECK(commit(k, m, "other", 0, 1, 10) == 100);
  CHECK(commit(k, m, "t", 0, 1, 9, 0, std::string(4097, 'x')) == 12);
  CHECK(commit(k, m, "t", 0, 1, 9, 0, std::string(4096, 'x')) == 0);
  CHECK(commit(k, nobody, "t", 0, 7, 9, 0, "", "") == 0);  // the empty group id is one
  CHECK(fetch(k, "t", 0, 9, 0, "").offset == 7);
}

TEST_CASE("groups are listed and described, deleted when they are empty, and their offsets alone") {
  kafka_node k(5, 2);
  k.create("t", 2);
  k.create("u", 1);
  find(k);
  const member m = enter(k);
  CHECK(commit(k, m, "t", 0, 10) == 0);
  CHECK(commit(k, m, "u", 0, 10) == 0);
  const auto list_all = [&](std::string_view state, std::string_view type = "Classic") {
    std::vector<std::string_view> states{state};
    std::vector<std::string_view> types{type};
    list_groups_request request;
    request.states_filter = list(states);
    request.types_filter = list(types);
    return k.ask<list_groups_response>(request, 5).body.groups.size();
  };
  CHECK(list_all("stable") == 1);
  CHECK(list_all("Empty") == 0);
  CHECK(list_all("Stable", "consumer") == 0);

  std::vector<std::string_view> ids{group, "none"};
  describe_groups_request describing;
  describing.groups = list(ids);
  describing.include_authorized_operations = true;
  for (const int16_t version : {0, 3, 4, 5, 6}) {
    CAPTURE(version);
    const auto got = k.ask<describe_groups_response>(describing, version, 1);
    const auto& known = got.body.groups[0];
    CHECK(known.error_code == 0);
    CHECK(known.group_state == "Stable");
    CHECK(known.protocol_type == "consumer");
    CHECK(known.protocol_data == "range");
    REQUIRE(known.members.size() == 1);
    CHECK(known.members[0].member_id == m.id);
    CHECK(known.members[0].client_id == "test");
    CHECK(known.members[0].member_assignment.size() == 3);
    if (version >= 3) CHECK(known.authorized_operations == 3400);
    CHECK(got.body.groups[1].group_state == "Dead");
    CHECK(got.body.groups[1].error_code == (version < 6 ? 0 : 69));
  }

  const auto delete_offset = [&](std::string_view of, std::string_view topic) {
    offset_delete_request_partition p{.partition_index = 0};
    offset_delete_request_topic t{.name = topic, .partitions = {&p, 1}};
    offset_delete_request request;
    request.group_id = of;
    request.topics = {&t, 1};
    const auto got = k.ask<offset_delete_response>(request, 0);
    return got.body.error_code != 0 ? got.body.error_code : got.body.topics[0].partitions[0].error_code;
  };
  CHECK(delete_offset("", "t") == 24);
  CHECK(delete_offset(group, "t") == 86);
  CHECK(delete_offset(group, "u") == 0);
  CHECK(delete_offset(group, "nothing") == 3);
  CHECK(fetch(k, "u", 0).offset == -1);

  delete_groups_request deleting;
  deleting.groups_names = list(ids);
  CHECK(k.ask<delete_groups_response>(deleting, 2).body.results[0].error_code == 68);
  k.b.w.run_for(base::seconds(11));  // its session ends
  CHECK(heartbeat(k, m) == 25);
  CHECK(list_all("Empty") == 1);
  const auto deleted = k.ask<delete_groups_response>(deleting, 3);
  CHECK(deleted.body.results[0].error_code == 0);
  CHECK(deleted.body.results[1].error_code == 69);
  CHECK_FALSE(deleted.body.results[1].error_message);  // nor does Kafka say more of a group of consumers
  CHECK(list_all("Empty") == 0);
  CHECK(fetch(k, "t", 0).offset == -1);
  k.restart();
  REQUIRE(k.b.w.run_until([&] { return fetch(k, "t", 0).error != 14; }, base::seconds(10)));
  CHECK(list_all("Empty") == 0);
  CHECK(fetch(k, "t", 0) == committed{});
}

TEST_CASE("what was committed for a topic goes with it, and does not come back with one of its name") {
  kafka_node k(6, 2);
  k.create("t", 1);
  find(k);
  CHECK(commit(k, nobody, "t", 0, 10) == 0);
  std::vector<std::string_view> names{"t"};
  delete_topics_request deletion;
  deletion.topic_names = list(names);
  CHECK(k.ask<delete_topics_response>(deletion, 4).body.responses[0].error_code == 0);
  REQUIRE(k.b.w.run_until([&] { return fetch(k, "t", 0).offset == -1; }, base::seconds(1)));
  k.create("t", 1);
  CHECK(fetch(k, "t", 0) == committed{});
  CHECK(commit(k, nobody, "t", 0, 3) == 0);
  k.restart();
  REQUIRE(k.b.w.run_until([&] { return fetch(k, "t", 0).error != 14; }, base::seconds(10)));
  CHECK(fetch(k, "t", 0).offset == 3);
}

TEST_CASE("a topic made again has nothing committed from the first moment on, and keeps what is committed then") {
  kafka_node k(8, 2);
  k.create("t", 1);
  find(k);
  constexpr int groups = 300;
  for (int i = 0; i < groups; ++i) CHECK(commit(k, nobody, "t", 0, 10, 9, 0, "", numbered("g", i)) == 0);
  std::vector<std::string_view> names{"t"};
  delete_topics_request deletion;
  deletion.topic_names = list(names);
  CHECK(k.ask<delete_topics_response>(deletion, 4).body.responses[0].error_code == 0);
  k.create("t", 1);
  for (int i = 0; i < groups; ++i) {
    CHECK(fetch(k, "t", 0, 9, 1, numbered("g", i)).offset == -1);
    if (i % 2 == 0) CHECK(commit(k, nobody, "t", 0, 3, 9, 0, "", numbered("g", i)) == 0);
  }
  k.restart();
  for (int i = 0; i < groups; ++i) {
    const std::string id = numbered("g", i);
    REQUIRE(k.b.w.run_until([&] { return fetch(k, "t", 0, 9, 0, id).error != 14; }, base::seconds(10)));
    CHECK(fetch(k, "t", 0, 9, 0, id).offset == (i % 2 == 0 ? 3 : -1));
  }
  list_groups_request all;
  CHECK(k.ask<list_groups_response>(all, 3).body.groups.size() == groups / 2);
}

TEST_CASE("the topic of groups stays one that keeps what was committed, whatever is put back to its default") {
  kafka_node k(9, 1);
  find(k);
  const std::string name(broker::consumer_offsets_topic);
  const auto config = [&]() -> const broker::topic_config& { return k.b.seen().find(name)->config; };
  CHECK(!k.b.alter({.topic = name, .changes = {{"segment.bytes", broker::config_op::set, "2097152"}}}).error);
  CHECK(config().overrides.at("segment.bytes") == "2097152");
  CHECK(!k.b.alter({.topic = name, .changes = {{"cleanup.policy", broker::config_op::remove, std::nullopt}}}).error);
  CHECK(!config().deletes);
  CHECK(!k.b.alter({.topic = name, .changes = {}, .replace = true}).error);
  CHECK(!config().deletes);
  CHECK(config().overrides.at("segment.bytes") == "104857600");
  CHECK(config().log.retention_ms < 0);
}

TEST_CASE("offsets expire when their group has been empty for long enough, and the group with them") {
  kafka_node k(7, 1);
  k.create("t", 1);
  find(k);
  const member m = enter(k);
  CHECK(commit(k, m, "t", 0, 10) == 0);
  k.b.w.run_for(base::seconds(60));
  CHECK(fetch(k, "t", 0).offset == 10);
  const int64_t day = 24 * 3600;
  k.b.w.run_for(base::seconds(6 * day));
  CHECK(fetch(k, "t", 0).offset == 10);
  k.b.w.run_for(base::seconds(1 * day + 1300));
  CHECK(fetch(k, "t", 0).offset == -1);
  list_groups_request request;
  CHECK(k.ask<list_groups_response>(request, 3).body.groups.empty());
}

}  // namespace millrace::api::kafka
