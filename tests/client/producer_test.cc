#include <doctest/doctest.h>

#include <cerrno>

#include "client/kafka_code.hh"
#include "client_world.hh"
#include "scripted_peer.hh"
#include "wire/kafka/messages/produce.hh"

namespace millrace::client::test {
namespace {

/// Counts what became of batches.
struct ledger final : delivery_handler {
  void delivered(const delivery& what) override {
    (what.why ? failed : good) += what.records;
    ++batches;
    if (what.base_offset >= 0) offsets.push_back(what.base_offset);
    for (const int64_t tag : what.tags) tags.push_back(tag);
    if (what.why) last = *what.why;
  }
  int64_t good = 0;
  int64_t failed = 0;
  size_t batches = 0;
  std::vector<int64_t> offsets;
  std::vector<int64_t> tags;
  base::error last{};
};

/// `count` records "0", "1", ... round the partitions, as fast as there is room; then waits for all answers.
task<result<void>> produce(producer* p, std::string topic, int count) {
  CO_TRY_CHECK(co_await p->start());
  CO_TRY(const size_t t, co_await p->topic(topic));
  for (int i = 0; i < count; ++i) {
    const std::string value = std::to_string(i);
    const int32_t partition = i % p->partitions(t);
    while (!p->add(t, partition, {.value = base::as_bytes(value)}, i))
      co_await reactor::sleep(p->on(), base::milliseconds(1));
  }
  co_await p->drain();
  co_return result<void>();
}

/// Each value once, in the order of each partition.
bool all_in_order(const std::vector<std::vector<std::string>>& values, int count) {
  const int partitions = static_cast<int>(values.size());
  int seen = 0;
  for (int p = 0; p < partitions; ++p) {
    for (size_t i = 0; i < values[static_cast<size_t>(p)].size(); ++i, ++seen) {
      if (values[static_cast<size_t>(p)][i] != std::to_string(p + static_cast<int>(i) * partitions)) return false;
    }
  }
  return seen == count;
}

TEST_CASE("producer: every record is there once and in order, whatever the batches, the codec and the acks") {
  struct row {
    const char* name;
    producer_options options;
  };
  const row rows[] = {
      {"as it comes", {}},
      {"alone", {.batch_records = 1, .in_flight = 16}},
      {"one request at a time", {.batch_records = 3, .in_flight = 1, .request_batches = 1}},
      {"with a linger", {.linger = base::milliseconds(5)}},
      {"acks 1", {.acks = 1, .batch_records = 10}},
      {"acks 0", {.acks = 0, .batch_records = 10}},
      {"gzip", {.codec = record::codec::gzip}},
      {"snappy", {.codec = record::codec::snappy}},
      {"lz4", {.codec = record::codec::lz4}},
      {"zstd", {.codec = record::codec::zstd}},
      {"idempotent", {.idempotent = true, .batch_records = 4, .in_flight = 16}},
      {"little room", {.batch_bytes = 200, .buffer_bytes = 600}},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    client_world w(10);
    w.create("t", 3);
    ledger told;
    producer p(*w.cluster, r.options, &told);
    REQUIRE(w.run(produce(&p, "t", 500)));
    CHECK(told.good == 500);
    CHECK(told.failed == 0);
    CHECK(told.tags.size() == 500);
    CHECK(p.unanswered() == 0);
    CHECK(p.buffered_bytes() == 0);
    if (r.options.acks == 0) w.world().run_for(base::seconds(1));
    CHECK(all_in_order(w.run(read_all(w.cluster.get(), "t")), 500));
    w.run(p.close());
  }
}

TEST_CASE("producer: batches are cut by records and by bytes, and a linger fills them") {
  client_world w(11);
  w.create("t");
  const auto batches = [&](producer_options options) {
    ledger told;
    producer p(*w.cluster, options, &told);
    REQUIRE(w.run(produce(&p, "t", 100)));
    w.run(p.close());
    return told.batches;
  };
  CHECK(batches({.batch_records = 10, .linger = base::seconds(1)}) == 10);
  CHECK(batches({.batch_records = 1}) == 100);
  CHECK(batches({.linger = base::seconds(1)}) == 1);  // drain() does not wait for it
  const size_t by_bytes = batches({.batch_bytes = 200, .linger = base::seconds(1)});
  CHECK(by_bytes > 5);
  CHECK(by_bytes < 15);
}

task<result<int64_t>> send_one(producer* p, std::string topic, int32_t partition, std::string value) {
  CO_TRY(const size_t t, co_await p->topic(topic));
  co_return co_await p->send(t, partition, {.value = base::as_bytes(value)});
}

TEST_CASE("producer: who waits for a record gets its offset") {
  client_world w(12);
  w.create("t", 2);
  producer p(*w.cluster, {});
  for (int64_t i = 0; i < 3; ++i) {
    const auto offset = w.run(send_one(&p, "t", 1, "value"));
    REQUIRE(offset);
    CHECK(*offset == i);
  }
  w.run(p.close());
}

TEST_CASE("producer: what the broker refuses for good fails, with its code") {
  client_world w(13);
  const auto made =
      w.run(admin(*w.cluster).create_topic({.name = "t", .partitions = 1, .configs = {{"max.message.bytes", "1000"}}}));
  REQUIRE(made);
  producer p(*w.cluster, {});
  CHECK(w.run(send_one(&p, "t", 0, "small")));
  const auto large = w.run(send_one(&p, "t", 0, std::string(5000, 'x')));
  REQUIRE(!large);
  CHECK(describe(large.error()) == "refused by the broker: MESSAGE_TOO_LARGE (10)");
  CHECK(w.run(send_one(&p, "t", 0, "small again")));
  w.run(p.close());
  CHECK(!w.run(send_one(&p, "t", 0, "after the end")));
}

TEST_CASE("producer: connections that break again and again lose nothing, and idempotence keeps each record once") {
  for (uint64_t seed = 20; seed < 26; ++seed) {
    CAPTURE(seed);
    sim::world_options how;
    client_world w(seed, how);
    w.create("t", 3);
    ledger told;
    producer p(*w.cluster, {.idempotent = true, .batch_records = 3, .in_flight = 8}, &told);
    auto running = w.world().start(w.home, 0, produce(&p, "t", 600));
    size_t resets = 0;
    REQUIRE(w.world().run_until([&] { return told.good > 0; }, base::seconds(10)));
    while (!running->done() && resets < 40) {
      w.world().run_for(base::milliseconds(3));
      if (w.world().network().reset_any()) ++resets;
    }
    REQUIRE(w.world().run_until([&] { return running->done(); }, base::seconds(300)));
    REQUIRE(running->take());
    CHECK(resets > 3);
    CHECK(told.good == 600);
    CHECK(told.failed == 0);
    CHECK(all_in_order(w.run(read_all(w.cluster.get(), "t")), 600));
    w.run(p.close());
  }
}

TEST_CASE("producer: what finds no broker for too long fails with what kept it from one") {
  client_world w(14);
  w.create("t");
  ledger told;
  producer p(*w.cluster, {.delivery_timeout = base::seconds(20)}, &told);
  REQUIRE(w.run(produce(&p, "t", 1)));
  w.world().network().partition(w.home, w.broker.b.n);
  REQUIRE(w.run(produce(&p, "t", 5)));
  CHECK(told.good == 1);
  CHECK(told.failed == 5);
  CHECK(describe(told.last) == "Connection timed out");
  CHECK((p.trouble() == told.last));
  w.world().network().heal();
  CHECK(w.run(send_one(&p, "t", 0, "again")));
  CHECK(!p.trouble());
  w.run(p.close());
}

TEST_CASE("producer: records of a topic that went away are tried for as long as they may take, and not without pause") {
  client_world w(15);
  w.create("t");
  ledger told;
  producer p(*w.cluster, {.delivery_timeout = base::seconds(5)}, &told);
  REQUIRE(w.run(produce(&p, "t", 1)));
  REQUIRE(w.run(admin(*w.cluster).delete_topic("t")));
  const base::instant before = w.world().now();
  const uint64_t turns = w.world().turns();
  REQUIRE(w.run(produce(&p, "t", 3)));
  CHECK(told.failed == 3);
  CHECK(describe(told.last) == "refused by the broker: UNKNOWN_TOPIC_OR_PARTITION (3)");
  CHECK((w.world().now() - before).ms() >= 5000);
  CHECK((w.world().now() - before).ms() < 8000);
  CHECK(w.world().turns() - turns < 20000);
  w.run(p.close());
}

TEST_CASE("producer: what is tried again is its trouble, until a batch is acknowledged") {
  client_world w(16);
  w.create("t");
  ledger told;
  producer p(*w.cluster, {}, &told);
  REQUIRE(w.run(produce(&p, "t", 1)));
  CHECK(!p.trouble());
  REQUIRE(w.run(admin(*w.cluster).delete_topic("t")));
  auto running = w.world().start(w.home, 0, produce(&p, "t", 3));
  const base::error unknown = base::fail(base::errc::refused, code::unknown_topic_or_partition).what;
  CHECK(w.world().run_until([&] { return p.trouble() == unknown; }, base::seconds(10)));
  CHECK(told.failed == 0);
  w.create("t");
  REQUIRE(w.world().run_until([&] { return running->done(); }, base::seconds(30)));
  CHECK(told.good == 4);
  CHECK(!p.trouble());
  w.run(p.close());
}

TEST_CASE("producer: what is left at its end fails with what kept it from the broker") {
  client_world w(17);
  w.create("t");
  ledger told;
  producer p(*w.cluster, {}, &told);
  REQUIRE(w.run(produce(&p, "t", 1)));
  w.broker.close_doors();
  auto running = w.world().start(w.home, 0, produce(&p, "t", 2));
  const base::error refused = base::fail_errno(ECONNREFUSED).what;
  CHECK(w.world().run_until([&] { return p.trouble() == refused; }, base::seconds(10)));
  CHECK(w.cluster->unreachable() == w.broker.b.n.address() + ":9092");
  w.run(p.close());
  REQUIRE(w.world().run_until([&] { return running->done(); }, base::seconds(5)));
  CHECK(told.failed == 2);
  CHECK((told.last == refused));
}

TEST_CASE("producer: what is left at its end, and had nothing in its way, is closed") {
  client_world w(18);
  REQUIRE(w.run(admin(*w.cluster).create_topic({.name = "t", .configs = {{"max.message.bytes", "1000"}}})));
  ledger told;
  producer p(*w.cluster, {.linger = base::seconds(60)}, &told);
  // A record larger than a batch leaves at once; that it is refused is trouble, but none of the next one.
  CHECK(!w.run(send_one(&p, "t", 0, std::string(20000, 'x'))));
  CHECK((p.trouble() == told.last));
  CHECK(describe(told.last) == "refused by the broker: MESSAGE_TOO_LARGE (10)");
  auto running = w.world().start(w.home, 0, send_one(&p, "t", 0, "value"));
  REQUIRE(w.world().run_until([&] { return p.unanswered() == 1; }, base::seconds(5)));
  w.run(p.close());
  REQUIRE(w.world().run_until([&] { return running->done(); }, base::seconds(5)));
  CHECK(told.failed == 2);
  CHECK(told.last.code == base::errc::closed);
}

TEST_CASE("producer: that a broker offers no Produce that is known here is said once of each batch, whatever the acks") {
  for (const int16_t acks : {int16_t{-1}, int16_t{0}}) {
    CAPTURE(acks);
    client_world w(19);
    metadata_alone broker(w);
    ledger told;
    producer p(broker.cluster, {.acks = acks}, &told);
    CHECK(!w.run(send_one(&p, "t", 0, "value")));
    const base::error none = base::fail(base::errc::unsupported, wire::kafka::produce_request::api_key).what;
    CHECK((told.last == none));
    CHECK(told.batches == 1);
    CHECK(p.unanswered() == 0);
    CHECK((p.trouble() == none));
    w.run(p.close());
  }
}

}  // namespace
}  // namespace millrace::client::test
