#include <doctest/doctest.h>

#include "socket_client.hh"
#include "wire/kafka/messages/delete_records.hh"
#include "wire/kafka/messages/fetch.hh"
#include "wire/kafka/messages/list_offsets.hh"
#include "wire/kafka/messages/produce.hh"

/// DeleteRecords, and what the other requests say of where a log starts.

namespace millrace::api::kafka {
namespace {

using namespace test;
using namespace wire::kafka;

constexpr int64_t t0 = 1'767'225'600'000;

struct asked {
  int32_t partition;
  int64_t offset;
};

std::vector<delete_records_response_partition_result> delete_all(kafka_node& k, std::string_view topic,
                                                                 const std::vector<asked>& all, int16_t version = 2,
                                                                 unsigned core = 0) {
  std::vector<delete_records_request_partition> partitions;
  for (const asked& a : all) partitions.push_back({a.partition, a.offset});
  std::vector<delete_records_request_topic> topics{{topic, list(partitions)}};
  delete_records_request request;
  request.topics = list(topics);
  request.timeout_ms = 1000;
  const auto got = k.ask<delete_records_response>(request, version, core);
  REQUIRE(got.body.topics.size() == 1);
  CHECK(got.body.topics[0].name == topic);
  return {got.body.topics[0].partitions.begin(), got.body.topics[0].partitions.end()};
}

delete_records_response_partition_result delete_one(kafka_node& k, std::string_view topic, int32_t partition, int64_t offset,
                                                    int16_t version = 2, unsigned core = 0) {
  return delete_all(k, topic, {{partition, offset}}, version, core)[0];
}

int64_t earliest(kafka_node& k, std::string_view topic, int32_t partition, int64_t timestamp = -2) {
  std::vector<list_offsets_request_partition> partitions{{partition, -1, timestamp}};
  std::vector<list_offsets_request_topic> topics{{topic, list(partitions)}};
  list_offsets_request request;
  request.replica_id = -1;
  request.topics = list(topics);
  return k.ask<list_offsets_response>(request, 7).body.topics[0].partitions[0].offset;
}

}  // namespace

TEST_CASE("DeleteRecords: raises the log start of each partition, from every core, in every version") {
  for (int16_t version = 0; version <= 2; ++version) {
    CAPTURE(version);
    kafka_node k(1, 3);
    k.create("t", 3);
    for (size_t p = 0; p < 3; ++p) {
      for (int i = 0; i < 4; ++i) k.append("t", p, {t0 + i * 10, t0 + i * 10 + 1});
    }
    for (unsigned core = 0; core < 3; ++core) {
      const auto p = static_cast<int32_t>((core + 1) % 3);
      struct row {
        const char* name;
        int64_t offset;
        int16_t code;
        int64_t low;
      };
      const row rows[] = {
          {"nothing", 0, 0, 0},           {"into a batch", 3, 0, 3},   {"below it", 1, 0, 3},    {"the same again", 3, 0, 3},
          {"a batch's begin", 4, 0, 4},   {"above the end", 9, 1, -1}, {"no offset", -2, 1, -1}, {"everything", -1, 0, 8},
          {"everything again", -1, 0, 8}, {"up to the end", 8, 0, 8},
      };
      for (const row& r : rows) {
        CAPTURE(r.name);
        const auto got = delete_one(k, "t", p, r.offset, version, core);
        CHECK(got.partition_index == p);
        CHECK(got.error_code == r.code);
        CHECK(got.low_watermark == r.low);
      }
      CHECK(earliest(k, "t", p) == 8);
      CHECK(earliest(k, "t", p, -1) == 8);
    }
  }
}

TEST_CASE("DeleteRecords: partitions of one request are judged one by one, and answered in order") {
  kafka_node k(2, 2);
  k.create("t", 4);
  for (size_t p = 0; p < 4; ++p) k.append("t", p, {t0, t0 + 1, t0 + 2});
  const auto got = delete_all(k, "t", {{3, 2}, {0, -1}, {7, 0}, {1, 4}, {-1, 0}, {2, 1}, {0, 1}});
  struct row {
    int32_t partition;
    int16_t code;
    int64_t low;
  };
  const row rows[] = {{3, 0, 2}, {0, 0, 3}, {7, 3, -1}, {1, 1, -1}, {-1, 3, -1}, {2, 0, 1}, {0, 0, 3}};
  REQUIRE(got.size() == std::size(rows));
  for (size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(got[i].partition_index == rows[i].partition);
    CHECK(got[i].error_code == rows[i].code);
    CHECK(got[i].low_watermark == rows[i].low);
  }
  CHECK(earliest(k, "t", 1) == 0);
}

TEST_CASE("DeleteRecords: a topic without partitions is not answered, and shifts no other") {
  kafka_node k(7);
  k.create("a");
  k.create("b");
  k.append("b", 0, {t0, t0 + 1});
  std::vector<delete_records_request_partition> partitions{{0, 1}};
  std::vector<delete_records_request_topic> topics{{"a", {}}, {"b", list(partitions)}, {"nobody", {}}};
  delete_records_request request;
  request.topics = list(topics);
  const auto got = k.ask<delete_records_response>(request, 2);
  REQUIRE(got.body.topics.size() == 1);
  CHECK(got.body.topics[0].name == "b");
  CHECK(got.body.topics[0].partitions[0].low_watermark == 1);
}

TEST_CASE("DeleteRecords: what it refuses whole") {
  kafka_node k(3);
  k.create("t");
  k.append("t", 0, {t0});
  CHECK(delete_one(k, "nobody", 0, 0).error_code == 3);
  CHECK(delete_one(k, "a/b", 0, 0).error_code == 3);
  CHECK(delete_one(k, "__consumer_offsets", 0, 0).error_code == 17);
  CHECK(delete_one(k, "__transaction_state", 0, -1).error_code == 17);
}

TEST_CASE("DeleteRecords: a disk that does not take it answers so, and nothing is shown") {
  kafka_node k(4);
  k.create("t");
  k.append("t", 0, {t0, t0 + 1});
  k.b.n.disk().add_rule({.kind = reactor::op_kind::write, .path_part = ".checkpoint"});
  const auto got = delete_one(k, "t", 0, 1);
  CHECK(got.error_code == 56);
  CHECK(got.low_watermark == -1);
  CHECK(earliest(k, "t", 0) == 0);
  k.b.n.disk().clear_rules();
  CHECK(delete_one(k, "t", 0, 1).low_watermark == 1);
}

TEST_CASE("DeleteRecords: times are found, and the latest one, among what is left") {
  kafka_node k(5);
  k.create("t");
  k.append("t", 0, {t0 + 500, t0 + 10, t0 + 20});
  k.append("t", 0, {t0 + 30, t0 + 15});
  REQUIRE(delete_one(k, "t", 0, 1).low_watermark == 1);
  CHECK(earliest(k, "t", 0, t0) == 1);
  CHECK(earliest(k, "t", 0, t0 + 15) == 2);
  CHECK(earliest(k, "t", 0, t0 + 400) == -1);
  CHECK(earliest(k, "t", 0, -3) == 3);
}

TEST_CASE("DeleteRecords: Fetch and Produce say where the log starts, and what lies below is out of range") {
  kafka_node k(6);
  k.create("t");
  for (int i = 0; i < 4; ++i) k.append("t", 0, {t0, t0 + 1});
  REQUIRE(delete_one(k, "t", 0, 3).low_watermark == 3);
  k.open_doors();
  socket_client c(k);
  const auto fetch = [&](int64_t offset) {
    std::vector<fetch_request_partition> parts{{.partition = 0, .fetch_offset = offset, .partition_max_bytes = 1 << 20}};
    fetch_request_topic topic{.topic = "t", .topic_id = {}, .partitions = list(parts)};
    c.send(c.frame_of(fetch_request{.max_wait_ms = 0, .min_bytes = 0, .max_bytes = 1 << 20, .topics = {&topic, 1}}, 11));
    auto got = c.answer<fetch_response>(11);
    REQUIRE(got);
    return std::move(*got);
  };
  const auto below = fetch(2);
  CHECK(below.body.responses[0].partitions[0].error_code == 1);
  CHECK(below.body.responses[0].partitions[0].log_start_offset == -1);
  const auto there = fetch(3);
  CHECK(there.body.responses[0].partitions[0].error_code == 0);
  CHECK(there.body.responses[0].partitions[0].log_start_offset == 3);
  CHECK(there.body.responses[0].partitions[0].high_watermark == 8);
  std::vector<uint8_t> records;
  record::batch_builder builder(records, {});
  builder.add({.timestamp = t0, .value = base::as_bytes("v")});
  REQUIRE(builder.finish());
  std::vector<produce_request_partition_data> data{{.index = 0, .records = base::bytes(records)}};
  produce_request_topic_data named{.name = "t", .topic_id = {}, .partition_data = list(data)};
  c.send(c.frame_of(produce_request{.transactional_id = {}, .acks = -1, .timeout_ms = 1000, .topic_data = {&named, 1}}, 9));
  const auto stored = c.answer<produce_response>(9);
  REQUIRE(stored);
  CHECK(stored->body.responses[0].partition_responses[0].base_offset == 8);
  CHECK(stored->body.responses[0].partition_responses[0].log_start_offset == 3);
}

}  // namespace millrace::api::kafka
