#include <doctest/doctest.h>

#include <vector>

#include "wire/kafka/messages/api_versions.hh"
#include "wire/kafka/messages/describe_topic_partitions.hh"
#include "wire/kafka/messages/metadata.hh"
#include "wire/kafka/messages/offset_fetch.hh"
#include "wire/kafka/messages/produce.hh"
#include "wire/kafka/messages/stored_offsets.hh"

/// Bytes worked out by hand from Kafka's protocol guide, not with this codec.

namespace millrace::wire::kafka {

namespace {

using octets = std::vector<uint8_t>;

template <class Message>
octets bytes_of(const Message& message, int16_t version) {
  octets memory(size_of(message, version));
  writer out(memory);
  encode(out, message, version);
  CHECK(out.remaining() == 0);
  return memory;
}

template <class Message>
Message read(const octets& bytes, int16_t version, arena& memory) {
  reader in(bytes);
  auto message = decode<Message>(in, version, memory);
  REQUIRE(message.ok());
  return *message;
}

}  // namespace

TEST_CASE("golden: ApiVersions requests") {
  CHECK(bytes_of(api_versions_request{}, 0).empty());
  const api_versions_request request{.client_software_name = "ab", .client_software_version = "1"};
  const octets v3 = {3, 'a', 'b', 2, '1', 0};
  CHECK(bytes_of(request, 2).empty());
  CHECK(bytes_of(request, 3) == v3);
  arena memory(4096);
  const auto again = read<api_versions_request>(v3, 3, memory);
  CHECK(again.client_software_name == "ab");
  CHECK(again.client_software_version == "1");
}

TEST_CASE("golden: ApiVersions responses") {
  api_versions_response_version keys[] = {{.api_key = 18, .min_version = 0, .max_version = 5}};
  const api_versions_response refused{.error_code = 35, .api_keys = keys};
  CHECK(bytes_of(refused, 0) == octets{0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 5});
  CHECK(bytes_of(refused, 1) == octets{0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 5, 0, 0, 0, 0});

  api_versions_response answer{.api_keys = keys};
  CHECK(bytes_of(answer, 3) == octets{0, 0, 2, 0, 18, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0});

  api_versions_response_supported_feature_key features[] = {{.name = "t", .min_version = 0, .max_version = 2}};
  answer.supported_features = features;
  answer.finalized_features_epoch = 7;
  // clang-format off
  const octets with_features = {0, 0, 2, 0, 18, 0, 0, 0, 5, 0, 0, 0, 0, 0, 2,  // fields, two tags
                                0, 8, 2, 2, 't', 0, 0, 0, 2, 0,                // tag 0
                                1, 8, 0, 0, 0, 0, 0, 0, 0, 7};                 // tag 1
  // clang-format on
  CHECK(bytes_of(answer, 3) == with_features);
  arena memory(4096);
  const auto again = read<api_versions_response>(with_features, 3, memory);
  REQUIRE(again.supported_features.size() == 1);
  CHECK(again.supported_features[0].name == "t");
  CHECK(again.finalized_features_epoch == 7);
  CHECK(again.finalized_features.empty());
}

TEST_CASE("golden: Metadata requests") {
  arena memory(4096);
  const octets all = {0xff, 0xff, 0xff, 0xff};
  CHECK(!read<metadata_request>(all, 1, memory).topics);
  CHECK(bytes_of(metadata_request{}, 1) == all);
  CHECK(read<metadata_request>({0, 0, 0, 0}, 1, memory).topics->empty());

  metadata_request_topic topics[] = {{.name = "t"}};
  const metadata_request one{.topics = topics};
  CHECK(bytes_of(one, 0) == octets{0, 0, 0, 1, 0, 1, 't'});
  CHECK(bytes_of(one, 4) == octets{0, 0, 0, 1, 0, 1, 't', 1});
  CHECK(bytes_of(one, 9) == octets{2, 2, 't', 0, 1, 0, 0, 0});
  const octets v12 = {2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0};
  const auto by_id = read<metadata_request>(v12, 12, memory);
  REQUIRE(by_id.topics->size() == 1);
  CHECK((*by_id.topics)[0].topic_id.octets[15] == 9);
  CHECK(!(*by_id.topics)[0].name);
  CHECK(!by_id.allow_auto_topic_creation);
  CHECK(by_id.include_topic_authorized_operations);
}

TEST_CASE("golden: Metadata responses") {
  int32_t nodes[] = {1};
  metadata_response_partition partitions[] = {
      {.leader_id = 1, .leader_epoch = 6, .replica_nodes = nodes, .isr_nodes = nodes}};
  metadata_response_topic topics[] = {{.name = "t", .partitions = partitions}};
  metadata_response_broker brokers[] = {{.node_id = 1, .host = "h", .port = 9092}};
  const metadata_response answer{.brokers = brokers, .cluster_id = "c", .controller_id = 1, .topics = topics};
  // clang-format off
  const octets v1 = {0, 0, 0, 1,                                           // brokers
                     0, 0, 0, 1, 0, 1, 'h', 0, 0, 0x23, 0x84, 0xff, 0xff,  // node, host, port, rack
                     0, 0, 0, 1,                                           // controller
                     0, 0, 0, 1, 0, 0, 0, 1, 't', 0,           // topics: error, name, internal
                     0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,   // error, index, leader
                     0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1};  // replicas, in sync
  // clang-format on
  CHECK(bytes_of(answer, 1) == v1);
  // clang-format off
  const octets v9 = {0, 0, 0, 0,                                     // throttle
                     2, 0, 0, 0, 1, 2, 'h', 0, 0, 0x23, 0x84, 0, 0,  // brokers
                     2, 'c', 0, 0, 0, 1,                             // cluster, controller
                     2, 0, 0, 2, 't', 0,                             // topics
                     2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 6,    // error, index, leader, epoch
                     2, 0, 0, 0, 1, 2, 0, 0, 0, 1, 1, 0,             // replicas, in sync, offline
                     0x80, 0, 0, 0, 0,                               // operations of the topic
                     0x80, 0, 0, 0, 0};                              // operations of the cluster
  // clang-format on
  CHECK(bytes_of(answer, 9) == v9);
}

TEST_CASE("golden: Produce requests") {
  const uint8_t batch[] = {1, 2, 3};
  produce_request_partition_data partitions[] = {{.records = base::bytes(batch)}};
  produce_request_topic_data topics[] = {{.name = "t", .partition_data = partitions}};
  const produce_request request{.acks = -1, .timeout_ms = 1500, .topic_data = topics};
  CHECK(bytes_of(request, 3) ==
        octets{0xff, 0xff, 0xff, 0xff, 0, 0, 5, 0xdc, 0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3});
  CHECK(bytes_of(request, 9) == octets{0, 0xff, 0xff, 0, 0, 5, 0xdc, 2, 2, 't', 2, 0, 0, 0, 0, 4, 1, 2, 3, 0, 0, 0});
}

TEST_CASE("golden: a nullable struct is announced by a byte") {
  arena memory(4096);
  const octets without = {1, 0, 0, 7, 0xd0, 0xff, 0};
  CHECK(bytes_of(describe_topic_partitions_request{}, 0) == without);
  CHECK(!read<describe_topic_partitions_request>(without, 0, memory).cursor);
  const octets with = {1, 0, 0, 7, 0xd0, 1, 2, 't', 0, 0, 0, 4, 0, 0};
  const auto request = read<describe_topic_partitions_request>(with, 0, memory);
  REQUIRE(request.cursor);
  CHECK(request.cursor->topic_name == "t");
  CHECK(request.cursor->partition_index == 4);
  CHECK(bytes_of(request, 0) == with);
}

TEST_CASE("golden: fields go by version, not by order of the struct") {
  int32_t indexes[] = {3};
  offset_fetch_request_topics topics[] = {{.name = "t", .partition_indexes = indexes}};
  offset_fetch_request_group groups[] = {{.group_id = "g", .topics = topics}};
  offset_fetch_request_topic old_topics[] = {{.name = "o", .partition_indexes = indexes}};
  const offset_fetch_request request{.group_id = "old", .topics = old_topics, .groups = groups};
  CHECK(bytes_of(request, 1) == octets{0, 3, 'o', 'l', 'd', 0, 0, 0, 1, 0, 1, 'o', 0, 0, 0, 1, 0, 0, 0, 3});
  CHECK(bytes_of(request, 8) == octets{2, 2, 'g', 2, 2, 't', 2, 0, 0, 0, 3, 0, 0, 0, 0});
}

TEST_CASE("golden: records of __consumer_offsets") {
  CHECK(bytes_of(offset_commit_key{.group = "g", .topic = "t", .partition = 2}, 0) ==
        octets{0, 1, 'g', 0, 1, 't', 0, 0, 0, 2});
  CHECK(offset_commit_key::record_type == 1);
  CHECK(group_metadata_key::record_type == 2);
  const offset_commit_value value{.offset = 5, .leader_epoch = 1, .metadata = "", .commit_timestamp = 9};
  CHECK(bytes_of(value, 3) == octets{0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9});
}

}  // namespace millrace::wire::kafka
