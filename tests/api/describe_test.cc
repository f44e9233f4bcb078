#include <doctest/doctest.h>

#include "kafka_node.hh"
#include "wire/kafka/messages/describe_log_dirs.hh"
#include "wire/kafka/messages/describe_topic_partitions.hh"

/// DescribeLogDirs and DescribeTopicPartitions: what tools show of topics and of the disk.

namespace millrace::api::kafka {
namespace {

using namespace test;
using namespace wire::kafka;

}  // namespace

TEST_CASE("DescribeLogDirs: the size of every partition, by version, and what the disk has") {
  broker::broker_settings settings;
  settings.log_dir = "/shown";
  kafka_node k(1, 2, settings);
  k.create("t", 4);
  k.create("u", 1);
  k.append("t", 2, {1, 2, 3});
  for (int16_t version = 1; version <= 5; ++version) {
    CAPTURE(version);
    const auto got = k.ask<describe_log_dirs_response>(describe_log_dirs_request{}, version);
    REQUIRE(got.body.results.size() == 1);
    const auto& dir = got.body.results[0];
    CHECK(dir.error_code == 0);
    CHECK(dir.log_dir == "/shown");
    REQUIRE(dir.topics.size() == 2);
    REQUIRE(dir.topics[0].partitions.size() == 4);
    for (const auto& p : dir.topics[0].partitions) {
      CHECK((p.partition_size > 0) == (p.partition_index == 2));
      CHECK(p.offset_lag == 0);
      CHECK(!p.is_future_key);
    }
    if (version >= 4) {
      CHECK(dir.total_bytes == static_cast<int64_t>(k.b.n.disk().faults.capacity_bytes));
      CHECK(dir.usable_bytes > 0);
      CHECK(dir.usable_bytes < dir.total_bytes);
    }
  }
  // Some: what there is not is not answered, and what is named twice comes once.
  std::vector<int32_t> partitions{2, 9, -1, 2, 0};
  std::vector<describe_log_dirs_request_describable_log_dir_topic> topics{
      {"t", list(partitions)}, {"nobody", list(partitions)}, {"t", list(partitions)}};
  describe_log_dirs_request some;
  some.topics = list(topics);
  const auto got = k.ask<describe_log_dirs_response>(some, 4, 1);
  REQUIRE(got.body.results[0].topics.size() == 1);
  REQUIRE(got.body.results[0].topics[0].partitions.size() == 2);
  CHECK(got.body.results[0].topics[0].partitions[1].partition_index == 2);
}

TEST_CASE("DescribeTopicPartitions: page by page every partition of every topic, once") {
  kafka_node k(2, 2);
  k.create("a", 3);
  k.create("b", 5);
  k.create("c", 1);
  for (const int32_t limit : {1, 2, 3, 4, 8, 9, 2000, 0, -5, INT32_MAX}) {
    CAPTURE(limit);
    describe_topic_partitions_request request;
    request.response_partition_limit = limit;
    std::vector<std::pair<std::string, int32_t>> seen;
    std::string cursor_name;
    size_t pages = 0;
    while (true) {
      const auto got = k.ask<describe_topic_partitions_response>(request, 0, pages % 2);
      REQUIRE(++pages < 20);
      for (const auto& t : got.body.topics) {
        CHECK(t.error_code == 0);
        CHECK(t.topic_authorized_operations == 3576);
        CHECK(t.topic_id == k.b.seen().find(*t.name)->id);
        for (const auto& p : t.partitions) {
          seen.emplace_back(*t.name, p.partition_index);
          CHECK(p.leader_id == 1);
          CHECK(p.isr_nodes.size() == 1);
        }
      }
      if (!got.body.next_cursor) break;
      cursor_name = got.body.next_cursor->topic_name;
      request.cursor = describe_topic_partitions_request_cursor{cursor_name, got.body.next_cursor->partition_index};
    }
    REQUIRE(seen.size() == 9);
    CHECK(std::ranges::is_sorted(seen));
    const size_t most = static_cast<size_t>(std::max(limit, 1));
    CHECK(pages == (9 + most - 1) / most);
  }
}

TEST_CASE("DescribeTopicPartitions: topics that are not there, names that cannot be, a cursor that lies") {
  kafka_node k(3);
  k.create("a", 2);
  std::vector<describe_topic_partitions_request_topic> topics{{"nobody"}, {"a"}, {"a/b"}, {"a"}};
  describe_topic_partitions_request request;
  request.topics = list(topics);
  const auto got = k.ask<describe_topic_partitions_response>(request, 0);
  REQUIRE(got.body.topics.size() == 3);
  CHECK(got.body.topics[0].error_code == 0);
  CHECK(got.body.topics[1].error_code == 17);
  CHECK(got.body.topics[2].error_code == 3);
  request.cursor = describe_topic_partitions_request_cursor{"a", 7};
  CHECK(k.ask<describe_topic_partitions_response>(request, 0).body.topics[0].partitions.empty());
  request.cursor = describe_topic_partitions_request_cursor{"a", -1};
  CHECK(k.ask<describe_topic_partitions_response>(request, 0).closed);
}

}  // namespace millrace::api::kafka
