#include <doctest/doctest.h>

#include "requests.hh"
#include "socket_client.hh"
#include "wire/kafka/messages/api_versions.hh"
#include "wire/kafka/messages/delete_topics.hh"
#include "wire/kafka/messages/fetch.hh"
#include "wire/kafka/messages/metadata.hh"
#include "wire/kafka/messages/produce.hh"

/// Topics by their ids (KIP-516), and the other fields of the newest versions.

namespace millrace::api::kafka {
namespace {

using namespace test;
using namespace wire::kafka;

const base::uuid unknown = base::uuid::from_random(1, 2);

metadata_response_topic metadata_of(kafka_node& k, std::optional<std::string_view> name, base::uuid id, int16_t version,
                                    answered<metadata_response>& got) {
  metadata_request_topic topic{.topic_id = id, .name = name};
  metadata_request request;
  request.topics = array<metadata_request_topic>(&topic, 1);
  request.allow_auto_topic_creation = false;
  got = k.ask<metadata_response>(request, version);
  REQUIRE(got.body.topics.size() == 1);
  return got.body.topics[0];
}

int16_t produce(socket_client& c, const base::uuid& id, int32_t partition, int16_t version) {
  const frame batch = batch_of(10, 2);
  produce_request_partition_data data{.index = partition, .records = base::bytes(batch)};
  produce_request_topic_data named{.name = {}, .topic_id = id, .partition_data = {&data, 1}};
  const produce_request body{.transactional_id = {}, .acks = -1, .timeout_ms = 30000, .topic_data = {&named, 1}};
  c.send(c.frame_of(body, version));
  const auto got = c.answer<produce_response>(version);
  REQUIRE(got);
  REQUIRE(got->body.responses.size() == 1);
  CHECK(got->body.responses[0].topic_id == id);
  return got->body.responses[0].partition_responses[0].error_code;
}

}  // namespace

TEST_CASE("Metadata by id: from version 12 on; a topic that is not there has no name") {
  kafka_node k(1);
  k.create("t", 2);
  const base::uuid id = k.b.seen().find("t")->id;
  answered<metadata_response> got;
  for (const int16_t version : {12, 13}) {
    CAPTURE(version);
    auto topic = metadata_of(k, std::nullopt, id, version, got);
    CHECK(topic.error_code == 0);
    CHECK(topic.name == "t");
    CHECK(topic.topic_id == id);
    CHECK(topic.partitions.size() == 2);
    topic = metadata_of(k, std::nullopt, unknown, version, got);
    CHECK(topic.error_code == 100);
    CHECK(!topic.name);
    CHECK(topic.topic_id == unknown);
    topic = metadata_of(k, "t", {}, version, got);
    CHECK(topic.error_code == 0);
    CHECK(topic.topic_id == id);
  }
  for (const int16_t version : {10, 11}) {
    CHECK(metadata_of(k, std::nullopt, id, version, got).error_code == 42);
    CHECK(got.body.brokers.empty());
    CHECK(metadata_of(k, "t", {}, version, got).topic_id == id);
  }
}

TEST_CASE("DeleteTopics 6: by name or by id, not by both or neither, each once") {
  kafka_node k(2);
  k.create("t");
  k.create("u");
  k.create("v");
  const base::uuid t = k.b.seen().find("t")->id;
  const base::uuid v = k.b.seen().find("v")->id;
  std::vector<delete_topics_request_topic_state> topics{{std::nullopt, t},       {"u", {}},     {"v", v}, {std::nullopt, {}},
                                                        {std::nullopt, unknown}, {"nobody", {}}};
  delete_topics_request request;
  request.topics = list(topics);
  const auto got = k.ask<delete_topics_response>(request, 6);
  REQUIRE(got.body.responses.size() == topics.size());
  const std::vector<int16_t> codes{0, 0, 42, 42, 100, 3};
  for (size_t i = 0; i < codes.size(); ++i) CHECK(got.body.responses[i].error_code == codes[i]);
  CHECK(got.body.responses[0].name == "t");
  CHECK(got.body.responses[0].topic_id == t);
  CHECK(!got.body.responses[4].name);
  CHECK(k.b.seen().topics.size() == 1);

  std::vector<delete_topics_request_topic_state> twice{{std::nullopt, v}, {std::nullopt, v}};
  request.topics = list(twice);
  const auto refused = k.ask<delete_topics_response>(request, 6);
  REQUIRE(refused.body.responses.size() == 1);
  CHECK(refused.body.responses[0].error_code == 42);
}

TEST_CASE("Produce 13 and Fetch 13 to 18: topics by id, on every core") {
  kafka_node k(3, 3);
  k.open_doors();
  k.create("t", 3);
  const base::uuid id = k.b.seen().find("t")->id;
  socket_client c(k);
  for (int32_t p = 0; p < 3; ++p) CHECK(produce(c, id, p, 13) == 0);
  CHECK(produce(c, id, 3, 13) == 3);
  CHECK(produce(c, unknown, 0, 13) == 100);
  for (int16_t version = 13; version <= 18; ++version) {
    CAPTURE(version);
    std::vector<fetch_request_partition> parts(3);
    for (int32_t p = 0; p < 3; ++p) {
      parts[static_cast<size_t>(p)].partition = p;
      parts[static_cast<size_t>(p)].partition_max_bytes = 1 << 20;
    }
    std::vector<fetch_request_topic> topics{{.topic_id = id, .partitions = list(parts)},
                                            {.topic_id = unknown, .partitions = {parts.data(), 1}}};
    fetch_request body;
    body.max_bytes = 1 << 20;
    body.session_epoch = -1;
    body.topics = list(topics);
    c.send(c.frame_of(body, version));
    const auto got = c.answer<fetch_response>(version);
    REQUIRE(got);
    REQUIRE(got->body.responses.size() == 2);
    CHECK(got->body.responses[0].topic_id == id);
    REQUIRE(got->body.responses[0].partitions.size() == 3);
    for (const auto& p : got->body.responses[0].partitions) {
      CHECK(p.error_code == 0);
      CHECK(p.high_watermark == 2);
      CHECK(p.records->size() > 20);
    }
    CHECK(got->body.responses[1].partitions[0].error_code == 100);
  }
}

TEST_CASE("ApiVersions 5: a client that means another cluster or node starts over") {
  kafka_node k(4);
  const std::string ours = k.b.seen().cluster_id;
  struct row {
    std::optional<std::string_view> cluster;
    int32_t node;
    int16_t error;
  };
  const row rows[] = {{std::nullopt, -1, 0}, {ours, 1, 0},      {ours, -1, 42},
                      {std::nullopt, 1, 42}, {"other", 1, 129}, {ours, 2, 129}};
  for (const row& r : rows) {
    api_versions_request request;
    request.client_software_name = "test";
    request.client_software_version = "1";
    request.cluster_id = r.cluster;
    request.node_id = r.node;
    const auto got = k.ask<api_versions_response>(request, 5);
    CHECK(got.body.error_code == r.error);
    CHECK(got.body.api_keys.empty() == (r.error != 0));
  }
}

}  // namespace millrace::api::kafka
