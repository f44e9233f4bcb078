#include <doctest/doctest.h>

#include "kafka_node.hh"
#include "wire/kafka/messages/describe_cluster.hh"
#include "wire/kafka/messages/find_coordinator.hh"
#include "wire/kafka/messages/metadata.hh"

namespace millrace::api::kafka {
namespace {

using namespace test;
using wire::kafka::metadata_request;
using wire::kafka::metadata_request_topic;
using wire::kafka::metadata_response;

/// A request for these names that makes nothing; versions before 4 cannot say so.
struct asking {
  explicit asking(std::vector<std::string_view> names, bool create = false) {
    for (const std::string_view n : names) topics.push_back({.topic_id = {}, .name = n});
    request.topics = list(topics);
    request.allow_auto_topic_creation = create;
  }
  std::vector<metadata_request_topic> topics;
  metadata_request request;
};

}  // namespace

TEST_CASE("Metadata: every version tells brokers, topics and leaders") {
  broker::broker_settings settings;
  settings.node_id = 7;
  settings.rack = "r1";
  kafka_node k(1, 3, settings);
  k.create("a", 4);
  k.create("b");
  for (int16_t version = 0; version <= 9; ++version) {
    CAPTURE(version);
    asking ask({"a"});
    const auto got = k.ask<metadata_response>(ask.request, version, 2);
    REQUIRE_FALSE(got.closed);
    REQUIRE(got.body.brokers.size() == 1);
    CHECK(got.body.brokers[0].node_id == 7);
    CHECK(got.body.brokers[0].host == "here.example");
    CHECK(got.body.brokers[0].port == 9092);
    CHECK(got.body.brokers[0].rack == (version >= 1 ? std::optional<std::string_view>("r1") : std::nullopt));
    if (version >= 1) CHECK(got.body.controller_id == 7);
    if (version >= 2) CHECK(got.body.cluster_id == k.b.seen().cluster_id);
    REQUIRE(got.body.topics.size() == 1);
    const auto& topic = got.body.topics[0];
    CHECK(topic.error_code == 0);
    CHECK(topic.name == "a");
    CHECK_FALSE(topic.is_internal);
    REQUIRE(topic.partitions.size() == 4);
    for (int32_t p = 0; p < 4; ++p) {
      const auto& partition = topic.partitions[static_cast<size_t>(p)];
      CHECK(partition.partition_index == p);
      CHECK(partition.leader_id == 7);
      CHECK(partition.leader_epoch == (version >= 7 ? k.b.brokers[0]->epoch().value() : -1));
      REQUIRE(partition.replica_nodes.size() == 1);
      CHECK(partition.replica_nodes[0] == 7);
      CHECK(partition.isr_nodes[0] == 7);
      CHECK(partition.offline_replicas.empty());
    }
  }
}

TEST_CASE("Metadata: null asks for all topics, none for none; in version 0 none asks for all") {
  kafka_node k(2);
  k.create("a");
  k.create("b");
  for (int16_t version = 0; version <= 9; ++version) {
    CAPTURE(version);
    asking none({});
    CHECK(k.ask<metadata_response>(none.request, version).body.topics.size() == (version == 0 ? 2 : 0));
    if (version == 0) continue;
    metadata_request all;
    CHECK(k.ask<metadata_response>(all, version).body.topics.size() == 2);
  }
}

TEST_CASE("Metadata: topics that have no Kafka name are shown to nobody, whatever they are asked by") {
  kafka_node k(12);
  k.create("shop.orders");
  REQUIRE_FALSE(k.b.create_stream("a.b").error);
  for (const char* stream : {"a.b", "shop"}) {
    broker::new_topic hidden{.name = "two words", .assignment = {}, .configs = {}};
    hidden.stream = stream;
    REQUIRE_FALSE(k.b.create(std::move(hidden)).error);
  }
  REQUIRE(k.b.seen().by_id.size() == 3);
  metadata_request all;
  const auto got = k.ask<metadata_response>(all, 9);
  REQUIRE(got.body.topics.size() == 1);
  CHECK(got.body.topics[0].name == "shop.orders");
  asking ask({"two words", "a.b.two words", "shop.two words", "a.b"});
  for (const auto& t : k.ask<metadata_response>(ask.request, 9).body.topics) {
    CHECK(t.error_code == (t.name == "a.b" ? 3 : 17));
  }
}

TEST_CASE("Metadata: names that are unknown, illegal, or come twice") {
  kafka_node k(3);
  k.create("a", 2);
  asking ask({"nobody", "a", "a", "a/b", "", "nobody"});
  const auto got = k.ask<metadata_response>(ask.request, 9);
  REQUIRE(got.body.topics.size() == 4);
  CHECK(got.body.topics[0].error_code == 3);
  CHECK(got.body.topics[1].error_code == 0);
  CHECK(got.body.topics[1].partitions.size() == 2);
  CHECK(got.body.topics[2].error_code == 17);
  CHECK(got.body.topics[2].name == "a/b");
  CHECK(got.body.topics[3].error_code == 17);
  CHECK(k.b.seen().topics.size() == 1);
}

TEST_CASE("Metadata: a topic that is asked for is made where both sides allow it, and answered at once") {
  broker::broker_settings settings;
  settings.num_partitions = 3;
  kafka_node k(4, 3, settings);
  k.create("shop.orders");
  for (int16_t version = 0; version <= 9; ++version) {
    CAPTURE(version);
    const std::string name = numbered("auto", version);
    asking quiet({name});
    if (version >= 4) CHECK(k.ask<metadata_response>(quiet.request, version, 1).body.topics[0].error_code == 3);
    asking ask({name, "shop_orders", "a/b"}, true);
    const auto got = k.ask<metadata_response>(ask.request, version, version % 3u);
    CHECK(got.body.topics[0].error_code == 0);
    CHECK(got.body.topics[0].partitions.size() == 3);
    CHECK(got.body.topics[1].error_code == 3);
    CHECK(got.body.topics[2].error_code == 17);
  }
  CHECK(k.b.seen().topics.size() == 11);
  CHECK(k.b.all_partitions_live());
}

TEST_CASE("Metadata: where the broker makes no topics by itself, none is made") {
  door_options options;
  options.auto_create_topics = false;
  kafka_node k(5, 1, {}, options);
  asking ask({"a"}, true);
  CHECK(k.ask<metadata_response>(ask.request, 9).body.topics[0].error_code == 3);
  CHECK(k.b.seen().topics.empty());
}

TEST_CASE("Metadata: a topic that cannot be made now is answered as one whose leader is awaited") {
  kafka_node k(6);
  k.b.n.disk().add_rule({.kind = reactor::op_kind::make_dir, .path_part = "full", .error = 28});
  asking ask({"full", "fine"}, true);
  const auto got = k.ask<metadata_response>(ask.request, 9);
  CHECK(got.body.topics[0].error_code == 5);
  k.b.n.disk().clear_rules();
  CHECK(k.ask<metadata_response>(ask.request, 9).body.topics[0].error_code == 0);
}

TEST_CASE("Metadata and DescribeCluster: operations are told when they are asked for") {
  kafka_node k(7);
  k.create("a");
  asking ask({"a"});
  auto got = k.ask<metadata_response>(ask.request, 9);
  CHECK(got.body.topics[0].topic_authorized_operations == INT32_MIN);
  CHECK(got.body.cluster_authorized_operations == INT32_MIN);
  ask.request.include_cluster_authorized_operations = ask.request.include_topic_authorized_operations = true;
  got = k.ask<metadata_response>(ask.request, 9);
  CHECK(got.body.topics[0].topic_authorized_operations == 3576);
  CHECK(got.body.cluster_authorized_operations == 8096);

  using wire::kafka::describe_cluster_request;
  using wire::kafka::describe_cluster_response;
  for (int16_t version = 0; version <= 1; ++version) {
    describe_cluster_request cluster;
    auto plain = k.ask<describe_cluster_response>(cluster, version);
    CHECK(plain.body.error_code == 0);
    CHECK(plain.body.cluster_id == k.b.seen().cluster_id);
    CHECK(plain.body.controller_id == 1);
    REQUIRE(plain.body.brokers.size() == 1);
    CHECK(plain.body.brokers[0].broker_id == 1);
    CHECK(plain.body.brokers[0].host == "here.example");
    CHECK(plain.body.cluster_authorized_operations == INT32_MIN);
    cluster.include_cluster_authorized_operations = true;
    CHECK(k.ask<describe_cluster_response>(cluster, version).body.cluster_authorized_operations == 8096);
  }
  for (const auto& [type, error] : {std::pair<int8_t, int16_t>{2, 114}, {0, 115}, {3, 115}}) {
    describe_cluster_request cluster;
    cluster.endpoint_type = type;
    const auto got_error = k.ask<describe_cluster_response>(cluster, 1);
    CHECK(got_error.body.error_code == error);
    CHECK(got_error.body.brokers.empty());
  }
}

TEST_CASE("FindCoordinator: a group's is this node, no transaction has one, and other kinds do not exist") {
  using wire::kafka::find_coordinator_request;
  using wire::kafka::find_coordinator_response;
  kafka_node k(8);
  std::vector<std::string_view> keys{"g", "h"};
  for (int16_t version = 0; version <= 6; ++version) {
    for (const auto& [type, error] : {std::pair<int8_t, int16_t>{0, 0}, {1, 53}, {2, 42}, {-1, 42}, {9, 42}}) {
      CAPTURE(version);
      CAPTURE(type);
      if (version == 0 && type != 0) continue;
      find_coordinator_request request;
      request.key = "g";
      request.key_type = type;
      request.coordinator_keys = list(keys);
      const auto got = k.ask<find_coordinator_response>(request, version);
      const bool known = error == 0;
      const std::string_view words = error == 0 ? "NONE" : error == 53 ? "Transactional Id" : "This most likely";
      if (version < 4) {
        CHECK(got.body.error_code == error);
        if (version >= 1) CHECK(got.body.error_message.value_or("null").starts_with(words));
        CHECK(got.body.node_id == (known ? 1 : -1));
        CHECK(got.body.host == (known ? "here.example" : ""));
        CHECK(got.body.port == (known ? 9092 : -1));
        continue;
      }
      REQUIRE(got.body.coordinators.size() == 2);
      CHECK(got.body.coordinators[1].key == "h");
      CHECK(got.body.coordinators[1].error_code == error);
      REQUIRE(got.body.coordinators[1].error_message);
      CHECK(got.body.coordinators[1].error_message->starts_with(error == 42 ? words : ""));
      CHECK(got.body.coordinators[1].error_message->empty() == (error != 42));
      CHECK(got.body.coordinators[1].node_id == (known ? 1 : -1));
      CHECK(got.body.coordinators[1].host == (known ? "here.example" : ""));
    }
  }
}

}  // namespace millrace::api::kafka
