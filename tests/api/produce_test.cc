#include <doctest/doctest.h>

#include "broker/partition/batch_limit.hh"
#include "record/compression.hh"
#include "record/corrections.hh"
#include "socket_requests.hh"
#include "wire/kafka/messages/produce.hh"

/// Produce over a connection: what is refused and how, what is opened in steps, what memory that takes.

namespace millrace::api::kafka {
namespace {

using namespace test;
using namespace wire::kafka;

constexpr int16_t version = 9;
constexpr int64_t now = 1'767'225'600'000;
constexpr int64_t later = now + 3'600'000;

std::vector<uint8_t> batch_of(size_t records, size_t bytes_each, record::codec codec = record::codec::none,
                              bool random = false, int64_t time = now) {
  std::vector<uint8_t> bytes;
  record::batch_builder builder(bytes, {.codec = codec});
  std::vector<uint8_t> value(bytes_each, 'v');
  base::prng noise(7);
  for (size_t i = 0; i < records; ++i) {
    if (random) noise.fill(value);
    builder.add({.timestamp = time, .value = base::bytes(value)});
  }
  ASSERT(builder.finish());
  return bytes;
}

struct piece {
  int32_t partition;
  std::vector<uint8_t> records;
};

std::vector<uint8_t> produce(socket_client& c, std::string_view topic, const std::vector<piece>& pieces, int16_t acks = -1,
                             int16_t as = version) {
  std::vector<produce_request_partition_data> parts;
  for (const piece& p : pieces) parts.push_back({.index = p.partition, .records = base::bytes(p.records)});
  produce_request_topic_data named{.name = topic, .topic_id = {}, .partition_data = list(parts)};
  produce_request request{.transactional_id = {}, .acks = acks, .timeout_ms = 1000, .topic_data = {&named, 1}};
  return c.frame_of(request, as);
}

int16_t code_of(socket_client& c, std::string_view topic, std::vector<uint8_t> records, int16_t as = version) {
  std::vector<piece> pieces;
  pieces.push_back({0, std::move(records)});
  c.send(produce(c, topic, pieces, -1, as));
  const auto got = c.answer<produce_response>(as);
  REQUIRE(got);
  CHECK(got->correlation_id == c.last_correlation_id());
  return got->body.responses[0].partition_responses[0].error_code;
}

std::vector<uint8_t> damaged(std::vector<uint8_t> batch) {
  batch.back() ^= 1;
  return batch;
}

/// Says that the broker has set its times.
std::vector<uint8_t> stamped(std::vector<uint8_t> batch) {
  record::set_log_append_time(batch, now);
  return batch;
}

std::vector<uint8_t> twice(std::vector<uint8_t> batch) {
  const std::vector<uint8_t> once = batch;
  batch.insert(batch.end(), once.begin(), once.end());
  return batch;
}

/// Ends of the log, over the socket-less way.
int64_t end_of(kafka_node& k, std::string_view topic, size_t partition = 0) {
  const broker::partition_info& p = k.b.seen().find(topic)->partitions[partition];
  return k.b.brokers[p.owner.value()]->find(p.id)->high_watermark().value();
}

}  // namespace

TEST_CASE("produce: what is refused, with Kafka's codes, from small batches and from large ones") {
  kafka_node k(1, 2);
  k.open_doors();
  k.create("plain", 1, {{"max.message.bytes", "2000000"}});
  k.create("timely", 1, {{"message.timestamp.after.max.ms", "60000"}, {"max.message.bytes", "2000000"}});
  k.create("zstd", 1, {{"compression.type", "zstd"}, {"max.message.bytes", "2000000"}});
  k.create("unpacked", 1, {{"compression.type", "uncompressed"}, {"max.message.bytes", "100000"}});
  k.create("segment", 1,
           {{"compression.type", "uncompressed"}, {"max.message.bytes", "3000000"}, {"segment.bytes", "1048576"}});
  const auto zstd = record::codec::zstd;
  socket_client c(k);
  struct row {
    const char* topic;
    std::vector<uint8_t> records;
    int16_t code;
    int16_t as = version;
  };
  const row rows[] = {
      {"plain", batch_of(3, 10), 0},
      {"plain", batch_of(100, 1000), 0},
      {"plain", batch_of(1500, 1000), 0},  // plain, and in steps
      {"plain", batch_of(3, 10, zstd), 0},
      {"plain", batch_of(2000, 1000, zstd), 0},       // small, and opened in steps
      {"plain", batch_of(12000, 1000, zstd), 0},      // more than the quick lane opens
      {"plain", batch_of(300, 1000, zstd, true), 0},  // large as it is
      {"plain", batch_of(2100, 1000), 10},            // max.message.bytes
      {"plain", damaged(batch_of(3, 10)), 2},
      {"plain", damaged(batch_of(1500, 1000)), 2},
      {"plain", twice(batch_of(3, 10)), 87},
      {"plain", {}, 87},
      {"plain", batch_of(3, 10, zstd), 76, 6},
      {"nowhere", batch_of(3, 10), 3},
      {"timely", batch_of(3, 10, record::codec::none, false, later), 32},
      {"timely", batch_of(1500, 1000, record::codec::none, false, later), 32},
      {"timely", batch_of(2000, 1000, zstd, false, later), 32},
      {"timely", batch_of(2000, 1000, zstd), 0},
      {"zstd", batch_of(3, 10), 0},
      {"zstd", batch_of(1500, 1000), 0},
      {"unpacked", batch_of(60, 1000, zstd), 0},
      {"unpacked", batch_of(120, 1000, zstd), 10},  // what it becomes is too large
      {"unpacked", batch_of(9000, 1000, zstd), 10},
      {"segment", batch_of(1500, 1000, zstd), 18},
      {"segment", batch_of(900, 1000, zstd), 0},
      {"segment", batch_of(1500, 1000), 18},
  };
  size_t line = 0;
  for (const row& r : rows) {
    CAPTURE(line++);
    CHECK(code_of(c, r.topic, r.records, r.as) == r.code);
  }
}

TEST_CASE("produce: LogAppendTime set by the producer is refused where the broker sets the times, and cleared elsewhere") {
  for (const bool opened : {true, false}) {
    CAPTURE(opened);
    kafka_node k(11, 2, {}, {.validate_compressed = opened});
    k.open_doors();
    k.create("stamped", 1, {{"message.timestamp.type", "LogAppendTime"}, {"max.message.bytes", "2000000"}});
    k.create("plain");
    socket_client c(k);
    const auto zstd = record::codec::zstd;
    for (const auto& batch : {batch_of(3, 10), batch_of(1500, 1000), batch_of(3, 10, zstd), batch_of(2000, 1000, zstd),
                              batch_of(3, 10, record::codec::none, false, -1)}) {
      CHECK(code_of(c, "stamped", stamped(batch)) == 32);
      CHECK(code_of(c, "stamped", batch) == 0);
    }
    CHECK(code_of(c, "stamped", damaged(stamped(batch_of(3, 10)))) == 2);
    CHECK(code_of(c, "plain", stamped(batch_of(3, 10))) == 0);
    std::vector<piece> pieces{{0, stamped(batch_of(3, 10))}};
    c.send(produce(c, "stamped", pieces));
    const auto got = c.answer<produce_response>(version);
    REQUIRE(got);
    CHECK(got->body.responses[0].partition_responses[0].record_errors.size() == 3);
  }
}

TEST_CASE("produce: compression.zstd.level is the level at which batches are packed, small and large") {
  kafka_node k(1, 1);
  k.open_doors();
  k.create("t", 1, {{"compression.type", "zstd"}, {"compression.zstd.level", "19"}});
  socket_client c(k);
  for (const size_t records : {size_t{3}, size_t{300}}) {
    CAPTURE(records);
    const int64_t at = end_of(k, "t");
    REQUIRE(code_of(c, "t", batch_of(records, 1000)) == 0);
    c.send(fetch(c, at, 1 << 20));
    const auto got = c.answer<fetch_response>(11);
    REQUIRE(got);
    const auto stored = record::batch_view::frame(*got->body.responses[0].partitions[0].records);
    REQUIRE(stored);
    REQUIRE(stored->codec() == record::codec::zstd);
    // The window in the frame's header tells the levels above the default from it.
    CHECK(10 + (stored->records()[5] >> 3) == 19);
    std::vector<uint8_t> opened;
    CHECK(record::decompress(record::codec::zstd, stored->records(), 1 << 20, opened).ok());
    CHECK(opened.size() > records * 1000);
  }
}

TEST_CASE("produce: a batch larger than this node can hold is refused at once, whatever its topic allows") {
  kafka_node k(1, 1);
  k.open_doors();
  k.create("t", 1, {{"max.message.bytes", "100000000"}});
  socket_client c(k);
  const uint64_t most = broker::batch_bytes_max(k.b.n.core().memory().capacity());
  CHECK(code_of(c, "t", batch_of(most / 1000 - 100, 1000)) == 0);
  CHECK(code_of(c, "t", batch_of(most / 1000 + 100, 1000)) == 10);
  CHECK(code_of(c, "t", batch_of(2, 10)) == 0);
}

TEST_CASE("produce: a small batch that opens to very much lets other connections through between its steps") {
  kafka_node k(3, 1);
  k.open_doors();
  k.create("t", 1);
  socket_client rude(k);
  socket_client honest(k);
  CHECK(code_of(honest, "t", batch_of(1, 10)) == 0);
  const uint64_t before = k.b.n.core().counters().turns;
  std::vector<piece> pieces;
  pieces.push_back({0, batch_of(1, size_t{100} << 20, record::codec::zstd)});
  REQUIRE(pieces[0].records.size() < 60'000);
  rude.send(produce(rude, "t", pieces));
  CHECK(code_of(honest, "t", batch_of(1, 10)) == 0);
  CHECK(!rude.receive(base::microseconds(0)));
  const auto got = rude.answer<produce_response>(version);
  REQUIRE(got);
  CHECK(got->body.responses[0].partition_responses[0].error_code == 0);
  // 100 MiB, of which a turn opens at most one.
  CHECK(k.b.n.core().counters().turns - before >= 100);
}

TEST_CASE("produce: batches that open to much are opened one after the other, in order, also when clients leave") {
  kafka_node k(4, 1);
  k.open_doors();
  k.create("t", 1);
  std::vector<std::unique_ptr<socket_client>> clients;
  const std::vector<uint8_t> bomb = batch_of(1, size_t{20} << 20, record::codec::zstd);
  for (int i = 0; i < 6; ++i) {
    clients.push_back(std::make_unique<socket_client>(k));
    std::vector<piece> pieces;
    pieces.push_back({0, bomb});
    clients.back()->send(produce(*clients.back(), "t", pieces));
  }
  k.b.w.run_for(base::milliseconds(1));
  clients.erase(clients.begin() + 1, clients.begin() + 3);
  for (auto& c : clients) {
    const auto got = c->answer<produce_response>(version);
    REQUIRE(got);
    CHECK(got->body.responses[0].partition_responses[0].error_code == 0);
  }
}

TEST_CASE("produce: a frame of very many batches is checked and sent on its way over several turns") {
  kafka_node k(5, 2);
  k.open_doors();
  k.create("t", 40);
  socket_client c(k);
  std::vector<piece> pieces;
  for (int32_t p = 0; p < 40; ++p) pieces.push_back({p, batch_of(200, 1000)});
  const uint64_t before = k.b.n.core().counters().turns;
  c.send(produce(c, "t", pieces));
  const auto got = c.answer<produce_response>(version);
  REQUIRE(got);
  const auto& parts = got->body.responses[0].partition_responses;
  REQUIRE(parts.size() == 40);
  for (size_t p = 0; p < 40; ++p) {
    CHECK(parts[p].index == static_cast<int32_t>(p));
    CHECK(parts[p].error_code == 0);
    CHECK(parts[p].base_offset == 0);
    CHECK(end_of(k, "t", p) == 200);
  }
  CHECK(k.b.n.core().counters().turns - before >= 8);
}

TEST_CASE("produce: answers keep the order of requests, small and large; acks 0 has none") {
  kafka_node k(6, 2);
  k.open_doors();
  k.create("t", 2);
  socket_client c(k);
  std::vector<int32_t> due;
  const std::vector<uint8_t> kinds[] = {batch_of(1, 10), batch_of(2000, 1000, record::codec::zstd), batch_of(100, 1000)};
  for (int i = 0; i < 400; ++i) {
    const int16_t acks = i % 5 == 0 ? 0 : -1;
    std::vector<piece> pieces;
    pieces.push_back({i % 2, kinds[i % 20 == 7 ? 1 : i % 10 == 3 ? 2 : 0]});
    c.send(produce(c, "t", pieces, acks));
    if (acks != 0) due.push_back(c.last_correlation_id());
  }
  for (const int32_t id : due) {
    const auto got = c.answer<produce_response>(version);
    REQUIRE(got);
    REQUIRE(got->correlation_id == id);
    CHECK(got->body.responses[0].partition_responses[0].error_code == 0);
  }
  CHECK(!c.receive(base::seconds(1)));
}

TEST_CASE("produce: acks 0 that fails closes the connection") {
  kafka_node k(7, 1);
  k.open_doors();
  k.create("t", 1);
  socket_client c(k);
  std::vector<piece> pieces;
  pieces.push_back({5, batch_of(1, 10)});
  c.send(produce(c, "t", pieces, 0));
  CHECK(c.closes(base::seconds(5)));
}

}  // namespace millrace::api::kafka
