#include <doctest/doctest.h>

#include <set>

#include "../broker/numbered_batch.hh"
#include "socket_client.hh"
#include "wire/kafka/messages/init_producer_id.hh"
#include "wire/kafka/messages/produce.hh"

/// Idempotent producers over connections (KIP-98): ids, and what a numbered batch is answered with.

namespace millrace::api::kafka {
namespace {

using namespace test;
using namespace wire::kafka;
using broker::test::numbered_batch;
using broker::test::numbers;

constexpr int16_t version = 9;

produce_response_partition produce(socket_client& c, std::string_view topic, int32_t partition, const numbers& n) {
  const std::vector<uint8_t> batch = numbered_batch(n);
  produce_request_partition_data part{.index = partition, .records = base::bytes(batch)};
  produce_request_topic_data named{.name = topic, .topic_id = {}, .partition_data = {&part, 1}};
  c.send(c.frame_of(produce_request{.transactional_id = {}, .acks = -1, .timeout_ms = 1000, .topic_data = {&named, 1}},
                    version));
  const auto got = c.answer<produce_response>(version);
  REQUIRE(got);
  auto answer = got->body.responses[0].partition_responses[0];
  answer.error_message = {};
  answer.record_errors = {};
  return answer;
}

}  // namespace

TEST_CASE("init producer id: a fresh id with epoch 0, whatever the client says it had, in every version") {
  kafka_node k(1, 2);
  std::set<int64_t> given;
  for (int16_t v = 0; v <= 5; ++v) {
    for (unsigned core = 0; core < 2; ++core) {
      init_producer_id_request plain{.transactional_id = std::nullopt, .transaction_timeout_ms = -1};
      const auto got = k.ask<init_producer_id_response>(plain, v, core);
      CHECK(got.body.error_code == 0);
      CHECK(got.body.producer_epoch == 0);
      CHECK(given.insert(got.body.producer_id).second);
      if (v < 3) continue;
      init_producer_id_request had = plain;
      had.producer_id = got.body.producer_id;
      had.producer_epoch = v == 3 ? 4 : INT16_MAX;  // behind the last epoch, too, it is another id that begins
      const auto next = k.ask<init_producer_id_response>(had, v, core);
      CHECK(next.body.error_code == 0);
      CHECK(next.body.producer_epoch == 0);
      CHECK(given.insert(next.body.producer_id).second);
    }
  }
  CHECK(*given.begin() == 0);
}

TEST_CASE("init producer id: what cannot be answered has Kafka's codes and no id") {
  kafka_node k(2);
  struct row {
    std::optional<std::string_view> transactional_id;
    int64_t id;
    int16_t epoch;
    int16_t code;
  };
  const row rows[] = {
      {"", -1, -1, 42},          {"mine", -1, -1, 53},      {"mine", 5, 1, 53},
      {std::nullopt, 5, -1, 42}, {std::nullopt, -1, 3, 42}, {"mine", 5, -1, 42},
  };
  for (const row& r : rows) {
    init_producer_id_request asked{.transactional_id = r.transactional_id, .transaction_timeout_ms = 1000};
    asked.producer_id = r.id;
    asked.producer_epoch = r.epoch;
    const auto got = k.ask<init_producer_id_response>(asked, 5);
    CHECK(got.body.error_code == r.code);
    CHECK(got.body.producer_id == -1);
    CHECK(got.body.producer_epoch == -1);
  }
}

TEST_CASE("init producer id: where the catalog cannot be written, the client is told to try again") {
  kafka_node k(3);
  k.b.n.disk().add_rule({.kind = reactor::op_kind::write, .path_part = "catalog"});
  init_producer_id_request asked{.transactional_id = std::nullopt, .transaction_timeout_ms = -1};
  CHECK(k.ask<init_producer_id_response>(asked, 4).body.error_code == 14);
  k.b.n.disk().clear_rules();
  CHECK(k.ask<init_producer_id_response>(asked, 4).body.error_code == 0);
}

TEST_CASE("numbered batches: codes, offsets and times over any connection to any core") {
  kafka_node k(4, 2);
  k.open_doors();
  k.create("plain", 2);
  k.create("stamped", 2, {{"message.timestamp.type", "LogAppendTime"}});
  for (const char* topic : {"plain", "stamped"}) {
    for (int32_t partition = 0; partition < 2; ++partition) {
      CAPTURE(topic);
      CAPTURE(partition);
      socket_client a(k);
      socket_client b(k);
      const auto first = produce(a, topic, partition, {.id = 8, .first = 0, .count = 2});
      CHECK(first.error_code == 0);
      CHECK(first.base_offset == 0);
      CHECK(produce(a, topic, partition, {.id = 8, .first = 2}).base_offset == 2);
      k.b.w.run_for(base::milliseconds(50));
      for (socket_client* c : {&a, &b}) {
        const auto repeat = produce(*c, topic, partition, {.id = 8, .first = 0, .count = 2});
        CHECK(repeat.error_code == 0);
        CHECK(repeat.base_offset == 0);
        CHECK(repeat.log_append_time_ms == first.log_append_time_ms);
        CHECK(repeat.log_start_offset == 0);
        CHECK(produce(*c, topic, partition, {.id = 8, .first = 7}).error_code == 45);
        CHECK(produce(*c, topic, partition, {.id = 8, .epoch = 1, .first = 3}).error_code == 45);
      }
      CHECK(produce(b, topic, partition, {.id = 8, .epoch = 1, .first = 0}).base_offset == 3);
      const auto fenced = produce(a, topic, partition, {.id = 8, .epoch = 0, .first = 3});
      CHECK(fenced.error_code == 47);
      CHECK(fenced.base_offset == -1);
      CHECK((first.log_append_time_ms >= 0) == (std::string_view(topic) == "stamped"));
    }
  }
}

}  // namespace millrace::api::kafka
