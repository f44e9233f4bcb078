#include <doctest/doctest.h>

#include <string>

#include "../base/allocations.hh"
#include "api/kafka/fetch_session_cache.hh"
#include "session_requests.hh"

/// A session in its steady state takes nothing from the heap, nor does a fetch within it for its partitions. Every
/// allocation of the program is counted.

namespace millrace::api::kafka {

TEST_CASE("session: a steady one takes no memory, and each of its partitions what is counted for it") {
  base::prng random(1);
  fetch_session_cache cache({.sessions = 10, .bytes = 64 << 20}, {}, random);
  const std::string topic(200, 't');
  constexpr int32_t count = 10'000;
  const size_t bytes =
      fetch_session::own_bytes() + fetch_session::topic_bytes(topic) + count * fetch_session::partition_bytes();
  const uint64_t before = heap_allocations();
  fetch_session* s = cache.create(false, count, bytes, {});
  REQUIRE(s != nullptr);
  for (int32_t p = 0; p < count; ++p) cache.add(*s, topic, p);
  const uint64_t made = heap_allocations() - before;
  CHECK(made >= count);
  CHECK(made < count + 10);
  CHECK(s->bytes() == bytes);
  MESSAGE(fetch_session::partition_bytes(), " bytes for a partition");
  const int32_t id = s->id();
  cache.give_back(*s);

  base::instant now{};
  uint64_t steady = 0;
  for (int32_t epoch = 1; epoch <= 200; ++epoch) {
    now = now + base::seconds(1);
    if (epoch == 125) steady = heap_allocations();  // it has come of age
    fetch_session& used = *cache.use(id, epoch, false, now).session;
    wire::kafka::fetch_request_partition asked;
    asked.fetch_offset = epoch;
    for (int32_t p = 0; p < 100; ++p) cache.add(used, topic, p * 7).ask(asked);
    size_t told = 0;
    for (int32_t p = 0; p < count; ++p) {
      fetch_session::partition& one = *used.find(topic, p);
      const bool records = p % 50 == epoch % 50;
      told += one.tell({.bytes = records ? 1u : 0u, .high_watermark = records ? epoch : one.high_watermark}) ? 1 : 0;
      if (records) used.move_to_end(one);
    }
    REQUIRE(told == count / 50);
    cache.give_back(used);
  }
  CHECK(heap_allocations() == steady);
}

TEST_CASE("Fetch session: what an incremental fetch allocates does not grow with its session") {
  uint64_t of_few = 0;
  for (const int32_t count : {8, 300}) {
    test::with_sessions f(1);
    f.create("t", 300);
    test::kafka_client c(f.k);
    std::vector<test::wanted> parts;
    for (int32_t p = 0; p < count; ++p) parts.push_back({"t", p});
    const int32_t id = f.fetch(c, {.parts = parts}).id;
    uint64_t before = 0;
    for (int32_t epoch = 1; epoch <= 40; ++epoch) {
      if (epoch == 11) before = heap_allocations();
      REQUIRE(f.fetch(c, {.id = id, .epoch = epoch}).error == 0);
    }
    const uint64_t now = heap_allocations() - before;
    CAPTURE(now);
    if (of_few == 0) of_few = now;
    CHECK(now < of_few + 30);  // one in each would be too many; what remains is the world's and the client's
  }
}

}  // namespace millrace::api::kafka
