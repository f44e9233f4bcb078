#include <doctest/doctest.h>

#include <set>

#include "requests.hh"
#include "session_requests.hh"
#include "socket_client.hh"
#include "wire/kafka/messages/api_versions.hh"
#include "wire/kafka/messages/create_topics.hh"
#include "wire/kafka/messages/describe_cluster.hh"
#include "wire/kafka/messages/describe_configs.hh"
#include "wire/kafka/messages/describe_log_dirs.hh"
#include "wire/kafka/messages/describe_topic_partitions.hh"
#include "wire/kafka/messages/find_coordinator.hh"
#include "wire/kafka/messages/list_groups.hh"
#include "wire/kafka/messages/metadata.hh"
#include "wire/kafka/messages/offset_commit.hh"

/// Cores that are brokers of their own to clients: who is told of whom, and what a core's own port answers.

namespace millrace::api::kafka {
namespace {

using namespace test;
using namespace wire::kafka;

constexpr int32_t first_id = 3000;
constexpr int32_t rebootstrap_required = 129;
constexpr int32_t invalid_replica_assignment = 39;

struct fixture {
  explicit fixture(uint64_t seed, unsigned cores = 3) : cores(cores), k(seed, cores, settings_of(cores)) {
    k.open_doors();
    k.create("t", 12);
  }
  static broker::broker_settings settings_of(unsigned cores) {
    broker::broker_settings s;
    s.node_id = 3;
    s.core_brokers = cores;
    s.offsets_topic_partitions = 8;
    return s;
  }
  void come_in_by_core(unsigned core) {
    k.came_in_by = {.host = k.b.n.address(), .port = static_cast<uint16_t>(kafka_node::core_port + core), .of_core = true};
  }
  unsigned owner_of(std::string_view topic, size_t p) { return k.b.seen().find(topic)->partitions[p].owner.value(); }
  int16_t commit_for(const std::string& group) {
    offset_commit_request_partition part{.partition_index = 0, .committed_offset = 1};
    offset_commit_request_topic topic{.name = "t", .topic_id = {}, .partitions = {&part, 1}};
    offset_commit_request request;
    request.group_id = group;
    request.topics = {&topic, 1};
    return k.ask<offset_commit_response>(request, 7).body.topics[0].partitions[0].error_code;
  }
  const unsigned cores;
  kafka_node k;
};

/// Ids and ports of the brokers that an answer lists.
template <class Brokers>
std::vector<std::pair<int32_t, int32_t>> listed(const Brokers& brokers) {
  std::vector<std::pair<int32_t, int32_t>> all;
  for (const auto& b : brokers) {
    if constexpr (requires { b.node_id; }) {
      all.emplace_back(b.node_id, b.port);
    } else {
      all.emplace_back(b.broker_id, b.port);
    }
  }
  return all;
}

}  // namespace

TEST_CASE("core listeners: every port tells the same brokers, and the core that owns a partition leads it") {
  fixture f(1);
  const std::vector<std::pair<int32_t, int32_t>> brokers{{3000, 9192}, {3001, 9193}, {3002, 9194}};
  for (const int port : {-1, 0, 2}) {
    CAPTURE(port);
    if (port >= 0) f.come_in_by_core(static_cast<unsigned>(port));
    metadata_request_topic named{.topic_id = {}, .name = "t"};
    metadata_request request;
    request.topics = array<metadata_request_topic>{&named, 1};
    const auto got = f.k.ask<metadata_response>(request, 9, static_cast<unsigned>(std::max(port, 0)));
    CHECK(listed(got.body.brokers) == brokers);
    CHECK(got.body.brokers[0].host == f.k.b.n.address());
    CHECK(got.body.controller_id == first_id);
    std::set<int32_t> leaders;
    for (const auto& p : got.body.topics[0].partitions) {
      const auto owner = static_cast<int32_t>(f.owner_of("t", static_cast<size_t>(p.partition_index)));
      CHECK(p.leader_id == first_id + owner);
      REQUIRE(p.replica_nodes.size() == 1);
      CHECK(p.replica_nodes[0] == p.leader_id);
      CHECK(p.isr_nodes[0] == p.leader_id);
      leaders.insert(p.leader_id);
    }
    CHECK(leaders.size() == 3);

    const auto cluster = f.k.ask<describe_cluster_response>(describe_cluster_request{}, 1);
    CHECK(listed(cluster.body.brokers) == brokers);
    CHECK(cluster.body.controller_id == first_id);

    describe_topic_partitions_request_topic described{.name = "t"};
    describe_topic_partitions_request parts;
    parts.topics = {&described, 1};
    const auto seen = f.k.ask<describe_topic_partitions_response>(parts, 0);
    for (const auto& p : seen.body.topics[0].partitions) {
      CHECK(p.leader_id == first_id + static_cast<int32_t>(f.owner_of("t", static_cast<size_t>(p.partition_index))));
    }
  }
}

TEST_CASE("core listeners: a group is led to the core that coordinates it") {
  fixture f(2);
  std::vector<std::string> names;
  for (int i = 0; i < 24; ++i) names.push_back("group-" + std::to_string(i));
  std::vector<std::string_view> keys(names.begin(), names.end());
  find_coordinator_request request;
  request.coordinator_keys = list(keys);
  const auto got = f.k.ask<find_coordinator_response>(request, 4);
  std::set<int32_t> found;
  for (const auto& c : got.body.coordinators) {
    CHECK(c.error_code == 0);
    const auto place = broker::place_of_group(f.k.b.seen(), c.key);
    CHECK(c.node_id == first_id + static_cast<int32_t>(place->owner.value()));
    CHECK(c.port == 9192 + static_cast<int32_t>(place->owner.value()));
    CHECK(c.host == f.k.b.n.address());
    found.insert(c.node_id);
  }
  CHECK(found.size() == 3);
}

TEST_CASE("core listeners: lists of groups and of files are a core's share at its port, and all where clients begin") {
  fixture f(3);
  find_coordinator_request find;
  find.key = "g";
  REQUIRE(f.k.ask<find_coordinator_response>(find, 1).body.error_code == 0);
  for (int i = 0; i < 20; ++i) {
    const std::string group = "group-" + std::to_string(i);
    REQUIRE(f.k.b.w.run_until([&] { return f.commit_for(group) == 0; }, base::seconds(10)));
  }
  const auto groups = [&](unsigned core) {
    return f.k.ask<list_groups_response>(list_groups_request{}, 4, core).body.groups.size();
  };
  const auto files = [&](unsigned core) {
    size_t partitions = 0;
    const auto got = f.k.ask<describe_log_dirs_response>(describe_log_dirs_request{}, 4, core);
    for (const auto& t : got.body.results[0].topics) partitions += t.partitions.size();
    return partitions;
  };
  CHECK(groups(1) == 20);
  CHECK(files(1) == 20);  // 12 of t, 8 of __consumer_offsets
  size_t sum_of_groups = 0;
  size_t sum_of_files = 0;
  for (unsigned core = 0; core < 3; ++core) {
    f.come_in_by_core(core);
    CHECK(groups(core) < 20);
    sum_of_groups += groups(core);
    sum_of_files += files(core);
  }
  CHECK(sum_of_groups == 20);
  CHECK(sum_of_files == 20);
}

TEST_CASE("core listeners: settings are asked of any id of the node; a replica is a node") {
  fixture f(4);
  const auto configs = [&](std::string_view id) {
    describe_configs_request_resource resource{.resource_type = 4, .resource_name = id};
    describe_configs_request request;
    request.resources = {&resource, 1};
    return f.k.ask<describe_configs_response>(request, 4).body.results[0].error_code;
  };
  for (const char* id : {"3000", "3001", "3002"}) CHECK(configs(id) == 0);
  for (const char* id : {"3", "3003", "2999", "1000"}) CHECK(configs(id) == 42);

  const auto create = [&](const std::string& name, std::vector<int32_t> ids) {
    create_topics_request_creatable_replica_assignment where{.partition_index = 0, .broker_ids = list(ids)};
    create_topics_request_creatable_topic topic{
        .name = name, .num_partitions = -1, .replication_factor = -1, .assignments = {&where, 1}};
    create_topics_request request;
    request.topics = {&topic, 1};
    request.timeout_ms = 1000;
    return f.k.ask<create_topics_response>(request, 5).body.topics[0].error_code;
  };
  CHECK(create("one", {3001}) == 0);
  CHECK(create("two", {3000, 3001}) == invalid_replica_assignment);
  CHECK(create("none", {3}) == invalid_replica_assignment);
}

TEST_CASE("core listeners: a connection to a core's port stays there, and asks for its id") {
  fixture f(5);
  std::vector<std::unique_ptr<socket_client>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(std::make_unique<socket_client>(f.k, kafka_node::core_port + 1));
  const auto said_to = [&](socket_client& c, int32_t id) {
    api_versions_request request;
    request.client_software_name = "test";
    request.client_software_version = "1";
    request.cluster_id = f.k.b.seen().cluster_id;
    request.node_id = id;
    c.send(c.frame_of(request, 5));
    return c.answer<api_versions_response>(5)->body.error_code;
  };
  for (auto& c : clients) CHECK(said_to(*c, 3001) == 0);
  CHECK(said_to(*clients[0], 3000) == rebootstrap_required);
  CHECK(f.k.at(1).connections() == 5);
  CHECK(f.k.at(0).connections() == 0);
  CHECK(f.k.at(2).connections() == 0);
  socket_client beginner(f.k);
  CHECK(said_to(beginner, 3001) == rebootstrap_required);
}

}  // namespace millrace::api::kafka
