#include <doctest/doctest.h>

#include <map>

#include "kafka_node.hh"
#include "wire/kafka/messages/list_offsets.hh"
#include "wire/kafka/messages/offset_for_leader_epoch.hh"

/// ListOffsets and OffsetForLeaderEpoch, from a core that owns the partition and from one that does
/// not.

namespace millrace::api::kafka {
namespace {

using namespace test;
using namespace wire::kafka;

constexpr int64_t t0 = 1'700'000'000'000;

list_offsets_response_partition list_offset(kafka_node& k, std::string_view topic, int32_t partition, int64_t timestamp,
                                            int16_t version = 7, unsigned core = 0, int32_t epoch = -1,
                                            int8_t isolation = 0) {
  std::vector<list_offsets_request_partition> partitions{{partition, epoch, timestamp}};
  std::vector<list_offsets_request_topic> topics{{topic, list(partitions)}};
  list_offsets_request request;
  request.replica_id = -1;
  request.isolation_level = isolation;
  request.topics = list(topics);
  const auto got = k.ask<list_offsets_response>(request, version, core);
  return got.body.topics[0].partitions[0];
}

offset_for_leader_epoch_response_epoch_end_offset end_of(kafka_node& k, std::string_view topic, int32_t partition,
                                                         int32_t epoch, int32_t current = -1, int16_t version = 4,
                                                         unsigned core = 0) {
  std::vector<offset_for_leader_epoch_request_partition> partitions{{partition, current, epoch}};
  std::vector<offset_for_leader_epoch_request_topic> topics{{topic, list(partitions)}};
  offset_for_leader_epoch_request request;
  request.topics = list(topics);
  return k.ask<offset_for_leader_epoch_response>(request, version, core).body.topics[0].partitions[0];
}

}  // namespace

TEST_CASE("ListOffsets: times and special timestamps, by version, from every core") {
  kafka_node k(1, 3);
  k.create("t", 3);
  k.create("empty", 3);
  for (size_t p = 0; p < 3; ++p) {
    k.append("t", p, {t0, t0 + 10, t0 + 20});
    k.append("t", p, {t0 + 1000, t0 + 1500, t0 + 1200});
    k.append("t", p, {t0 + 500, t0 + 510});
  }
  const int32_t epoch = k.b.brokers[0]->epoch().value();
  struct row {
    const char* topic;
    int64_t asked;
    int64_t offset;
    int64_t timestamp;
    int32_t epoch;
  };
  const row rows[] = {
      {"t", -1, 8, -1, epoch},
      {"t", -2, 0, -1, epoch},
      {"t", -3, 4, t0 + 1500, epoch},
      {"t", 0, 0, t0, epoch},
      {"t", t0, 0, t0, epoch},
      {"t", t0 + 1, 1, t0 + 10, epoch},
      {"t", t0 + 11, 2, t0 + 20, epoch},
      {"t", t0 + 21, 3, t0 + 1000, epoch},
      {"t", t0 + 1001, 4, t0 + 1500, epoch},
      {"t", t0 + 1500, 4, t0 + 1500, epoch},
      {"t", t0 + 1501, -1, -1, -1},
      {"t", INT64_MAX, -1, -1, -1},
      {"empty", -1, 0, -1, epoch},
      {"empty", -2, 0, -1, epoch},
      {"empty", -3, -1, -1, -1},
      {"empty", t0, -1, -1, -1},
      {"t", -4, 0, -1, epoch},
      {"t", -5, -1, -1, -1},
      {"t", -6, -1, -1, -1},
  };
  const std::map<int64_t, int16_t> known_since{{-3, 7}, {-4, 8}, {-5, 9}, {-6, 11}};
  for (int16_t version = 1; version <= 11; ++version) {
    for (unsigned core = 0; core < 3; ++core) {
      for (const row& r : rows) {
        CAPTURE(version);
        CAPTURE(r.topic);
        CAPTURE(r.asked);
        for (const int8_t isolation : {int8_t{0}, int8_t{1}}) {
          const auto got = list_offset(k, r.topic, static_cast<int32_t>(core), r.asked, version, 0, -1, isolation);
          const auto since = known_since.find(r.asked);
          if (since != known_since.end() && version < since->second) {
            CHECK(got.error_code == 35);
            continue;
          }
          CHECK(got.error_code == 0);
          CHECK(got.offset == r.offset);
          CHECK(got.timestamp == r.timestamp);
          if (version >= 4) CHECK(got.leader_epoch == r.epoch);
        }
      }
    }
  }
}

TEST_CASE("ListOffsets: what it refuses, in Kafka's order") {
  kafka_node k(2, 2);
  k.create("t", 2);
  const int32_t epoch = k.b.brokers[0]->epoch().value();
  for (unsigned core = 0; core < 2; ++core) {
    const auto p = static_cast<int32_t>(core);
    for (const int64_t special : {-4, -5, -6, -7, -100}) CHECK(list_offset(k, "t", p, special).error_code == 35);
    CHECK(list_offset(k, "t", 2, -1).error_code == 3);
    CHECK(list_offset(k, "t", -1, -1).error_code == 3);
    CHECK(list_offset(k, "nobody", 0, -1).error_code == 3);
    CHECK(list_offset(k, "a/b", 0, -1).error_code == 3);
    CHECK(list_offset(k, "t", p, -1, 7, 0, epoch).error_code == 0);
    CHECK(list_offset(k, "t", p, -1, 7, 0, epoch - 1).error_code == 74);
    const auto newer = list_offset(k, "t", p, -1, 7, 0, epoch + 1);
    CHECK(newer.error_code == 75);
    CHECK(newer.offset == -1);
    CHECK(newer.leader_epoch == -1);
  }
}

TEST_CASE(
    "ListOffsets: many partitions of several cores in one request; one that comes twice is refused "
    "once") {
  kafka_node k(3, 3);
  k.create("t", 6);
  for (size_t p = 0; p < 6; ++p) k.append("t", p, std::vector<int64_t>(p + 1, t0));
  std::vector<list_offsets_request_partition> partitions;
  for (int32_t p = 5; p >= 0; --p) partitions.push_back({p, -1, -1});
  partitions.push_back({3, -1, -1});
  std::vector<list_offsets_request_topic> topics{{"t", list(partitions)}, {"nobody", list(partitions)}};
  list_offsets_request request;
  request.topics = list(topics);
  const auto got = k.ask<list_offsets_response>(request, 7, 1);
  REQUIRE(got.body.topics.size() == 2);
  REQUIRE(got.body.topics[0].partitions.size() == 6);
  for (const auto& p : got.body.topics[0].partitions) {
    CHECK(p.error_code == (p.partition_index == 3 ? 42 : 0));
    if (p.error_code == 0) CHECK(p.offset == p.partition_index + 1);
  }
  REQUIRE(got.body.topics[1].partitions.size() == 6);
  CHECK(got.body.topics[1].partitions[0].error_code == 3);
}

TEST_CASE("OffsetForLeaderEpoch: where each epoch ends") {
  kafka_node k(4, 2);
  k.create("t", 2);
  k.create("empty");
  k.append("t", 0, {1, 2, 3});
  k.append("t", 1, {1, 2, 3});
  const int32_t epoch = k.b.brokers[0]->epoch().value();
  struct row {
    const char* topic;
    int32_t partition;
    int32_t asked;
    int32_t current;
    int16_t error;
    int32_t epoch;
    int64_t end;
  };
  const row rows[] = {
      {"t", 0, epoch, -1, 0, epoch, 3},
      {"t", 1, epoch, epoch, 0, epoch, 3},
      {"t", 0, epoch + 1, -1, 0, -1, -1},
      {"t", 0, epoch + 1000, -1, 0, -1, -1},
      {"t", 0, -1, -1, 0, -1, -1},
      {"empty", 0, epoch, -1, 0, epoch, 0},
      {"empty", 0, epoch - 1, -1, 0, epoch - 1, 0},
      {"t", 0, epoch - 1, -1, 0, epoch - 1, 0},
      {"t", 0, epoch, epoch + 1, 75, -1, -1},
      {"t", 0, epoch, epoch - 1, 74, -1, -1},
      {"t", 5, epoch, -1, 3, -1, -1},
      {"nobody", 0, epoch, -1, 3, -1, -1},
  };
  for (int16_t version = 2; version <= 4; ++version) {
    for (unsigned core = 0; core < 2; ++core) {
      for (const row& r : rows) {
        CAPTURE(r.topic);
        CAPTURE(r.asked);
        const auto got = end_of(k, r.topic, r.partition, r.asked, r.current, version, core);
        CHECK(got.error_code == r.error);
        CHECK(got.partition == r.partition);
        CHECK(got.leader_epoch == r.epoch);
        CHECK(got.end_offset == r.end);
      }
    }
  }
}

}  // namespace millrace::api::kafka
