#include <doctest/doctest.h>

#include <deque>

#include "requests.hh"

/// Fetches over sockets whose partitions live on two cores, and parked fetches at a close.

namespace millrace::api::kafka {
namespace {

using namespace test;

/// "t": partition 0 on core 0, partition 1 on core 1. Core 0 accepts.
struct two_owners {
  explicit two_owners(uint64_t seed) : k(seed, 2, {}, {}, placed()) {
    k.create("t", 2);
    k.listen(0);
  }
  static broker::placement placed() {
    broker::placement where(2);
    ASSERT(where.set_override("t", 0, base::core_id(0)));
    ASSERT(where.set_override("t", 1, base::core_id(1)));
    return where;
  }
  uint64_t items_run() { return k.b.n.core(0).counters().items_run + k.b.n.core(1).counters().items_run; }
  /// Milliseconds from now on until a frame comes.
  int64_t time_to(kafka_client& c, frame* got) {
    const base::instant begin = k.b.w.now();
    auto answer = c.receive(base::seconds(20));
    REQUIRE(answer);
    *got = std::move(*answer);
    return (k.b.w.now() - begin).ms();
  }
  kafka_node k;
};

}  // namespace

TEST_CASE("Fetch of two owners: what is not enough is waited for quietly, to the deadline") {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    two_owners f(seed);
    kafka_client c(f.k);
    const frame batch = batch_of(60000);
    c.send({produce_frame("t", static_cast<int32_t>(seed % 2), batch, 1)});
    REQUIRE(c.receive());
    const uint64_t before = f.items_run();
    c.send({fetch_frame("t", {0, 0}, {.min_bytes = 100000, .max_wait_ms = 2000}, 2)});
    frame got;
    const int64_t took = f.time_to(c, &got);
    CHECK(took >= 1900);
    CHECK(took <= 2200);
    CHECK(record_bytes(got) == batch.size());
    CHECK(f.items_run() - before < 300);
  }
}

TEST_CASE("Fetch of two owners: it is answered when both have enough together, whoever got it") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    two_owners f(seed);
    kafka_client c(f.k);
    kafka_client other(f.k);
    const uint64_t before = f.items_run();
    const frame batch = batch_of(1000);
    c.send({fetch_frame("t", {0, 0}, {.min_bytes = static_cast<int32_t>(10 * batch.size()), .max_wait_ms = 15000}, 1)});
    base::prng random(seed);
    for (int i = 0; i < 9; ++i) {
      other.send({produce_frame("t", static_cast<int32_t>(random.below(2)), batch, i)});
      REQUIRE(other.receive());
    }
    CHECK_FALSE(c.receive(base::milliseconds(300)));
    other.send({produce_frame("t", static_cast<int32_t>(random.below(2)), batch, 9)});
    REQUIRE(other.receive());
    frame got;
    CHECK(f.time_to(c, &got) <= 100);
    CHECK(record_bytes(got) == 10 * batch.size());
    CHECK(f.items_run() - before < 3000);
  }
}

TEST_CASE("Fetch of two owners: a record that comes in the middle of a round is not held back") {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    two_owners f(seed);
    kafka_client c(f.k);
    kafka_client other(f.k);
    other.send({produce_frame("t", static_cast<int32_t>(seed % 2), batch_of(10), 1)});
    f.k.b.w.run_for(base::microseconds(static_cast<int64_t>(seed) * 5));
    c.send({fetch_frame("t", {0, 0}, {.min_bytes = 1, .max_wait_ms = 10000}, 2)});
    REQUIRE(other.receive());
    frame got;
    CHECK(f.time_to(c, &got) <= 500);
    CHECK(record_bytes(got) > 0);
  }
}

TEST_CASE("Fetch of two owners: no more is waited for than may be answered") {
  two_owners f(1);
  kafka_client c(f.k);
  c.send({produce_frame("t", 0, batch_of(5000), 1)});
  REQUIRE(c.receive());
  c.send({fetch_frame("t", {0, 0}, {.min_bytes = 100000, .max_wait_ms = 10000, .max_bytes = 4000}, 2)});
  frame got;
  CHECK(f.time_to(c, &got) <= 500);
  CHECK(record_bytes(got) > 0);
}

TEST_CASE("a door closes over 3,000 fetches parked at another core, and they hold up nobody") {
  two_owners f(3);
  std::deque<kafka_client> clients;
  for (int i = 0; i < 12; ++i) {
    clients.emplace_back(f.k);
    std::vector<frame> fetches;
    for (int j = 0; j < 256; ++j) {
      // Small ones: what may come for all of them stays below what a connection may hold.
      fetches.push_back(fetch_frame("t", {0, 0}, {.min_bytes = 2000, .max_wait_ms = 60000, .max_bytes = 2000}, j));
    }
    clients.back().send(fetches);
  }
  f.k.b.w.run_for(base::seconds(3));
  kafka_client producer(f.k);
  producer.send({produce_frame("t", 1, batch_of(10), 1)});
  frame got;
  CHECK(f.time_to(producer, &got) <= 500);
  const base::instant begin = f.k.b.w.now();
  f.k.close(0);
  CHECK((f.k.b.w.now() - begin).ms() <= 6000);
  for (kafka_client& c : clients) CHECK(c.receive());
}

}  // namespace millrace::api::kafka
