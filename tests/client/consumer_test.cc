#include <doctest/doctest.h>

#include "client_world.hh"

namespace millrace::client::test {
namespace {

task<void> interrupt_later(reactor::core* on, consumer* which) {
  co_await reactor::sleep(*on, base::milliseconds(300));
  which->interrupt();
}

TEST_CASE("consumer: begins where it was told, within a batch too, and is woken by an interrupt") {
  client_world w(30);
  w.create("t", 2);
  w.broker.append("t", 0, {1, 2, 3, 4});
  w.broker.append("t", 0, {5, 6});
  consumer reading(*w.cluster, {.max_wait = base::milliseconds(50)});
  REQUIRE(w.run(reading.assign({{.topic = "t", .partition = 0, .offset = 2}, {.topic = "t", .partition = 1, .offset = 0}})));
  const fetched* got = w.run(reading.next());
  REQUIRE(got != nullptr);
  REQUIRE(got->partitions.size() == 1);
  CHECK(*got->partitions[0].topic == "t");
  CHECK(got->partitions[0].from == 2);
  CHECK(got->partitions[0].next == 6);
  auto waking = w.world().start(w.home, 0, interrupt_later(&w.on(), &reading));
  CHECK(w.run(reading.next()) == nullptr);
  CHECK(reading.positions()[0].offset == 6);
  w.broker.append("t", 1, {7});
  got = w.run(reading.next());
  REQUIRE(got != nullptr);
  CHECK(got->partitions[0].partition == 1);
  w.run(reading.close());
  CHECK(w.run(reading.next()) == nullptr);
}

TEST_CASE("consumer: an offset that the log does not have is said once, and the others are read on") {
  client_world w(31);
  w.create("t", 2);
  w.broker.append("t", 1, {1});
  consumer reading(*w.cluster, {.max_wait = base::milliseconds(50)});
  REQUIRE(
      w.run(reading.assign({{.topic = "t", .partition = 0, .offset = 99}, {.topic = "t", .partition = 1, .offset = 0}})));
  bool refused = false;
  bool read = false;
  for (int i = 0; i < 2 && !(refused && read); ++i) {
    const fetched* got = w.run(reading.next());
    REQUIRE(got != nullptr);
    for (const fetched_partition& p : got->partitions) {
      if (p.partition == 0) {
        REQUIRE(p.why);
        CHECK(describe(*p.why) == "refused by the broker: OFFSET_OUT_OF_RANGE (1)");
        refused = true;
      } else {
        CHECK(!p.why);
        read = true;
      }
    }
  }
  CHECK(refused);
  CHECK(read);
  w.run(reading.close());
}

TEST_CASE("consumer: another assignment takes the place of the first, whatever is on the way") {
  client_world w(32);
  w.create("t", 2);
  w.broker.append("t", 0, {1, 2});
  w.broker.append("t", 1, {3, 4, 5});
  consumer reading(*w.cluster, {.max_wait = base::milliseconds(50)});
  REQUIRE(w.run(reading.assign({{.topic = "t", .partition = 0, .offset = 0}})));
  REQUIRE(w.run(reading.assign({{.topic = "t", .partition = 1, .offset = 1}})));
  const fetched* got = w.run(reading.next());
  REQUIRE(got != nullptr);
  REQUIRE(got->partitions.size() == 1);
  CHECK(got->partitions[0].partition == 1);
  CHECK(got->partitions[0].from == 1);
  CHECK(got->partitions[0].next == 3);
  w.run(reading.close());
}

/// Reads until every partition has `wanted` records, and says whether offsets had no gap.
task<bool> read_through(consumer* reading, size_t partitions, int64_t wanted) {
  std::vector<int64_t> next(partitions, 0);
  while (true) {
    bool done = true;
    for (const int64_t n : next) done = done && n >= wanted;
    if (done) co_return true;
    const fetched* got = co_await reading->next();
    if (got == nullptr) co_return false;
    for (const fetched_partition& p : got->partitions) {
      if (p.why || p.from != next[static_cast<size_t>(p.partition)]) co_return false;
      next[static_cast<size_t>(p.partition)] = p.next;
    }
  }
}

TEST_CASE("consumer: goes on where it was after its connection broke, without gap or repeat") {
  for (uint64_t seed = 33; seed < 37; ++seed) {
    CAPTURE(seed);
    client_world w(seed);
    w.create("t", 2);
    consumer reading(*w.cluster, {.max_wait = base::milliseconds(20)});
    REQUIRE(
        w.run(reading.assign({{.topic = "t", .partition = 0, .offset = 0}, {.topic = "t", .partition = 1, .offset = 0}})));
    auto running = w.world().start(w.home, 0, read_through(&reading, 2, 100));
    for (int i = 0; i < 50; ++i) {
      w.broker.append("t", 0, {1, 2});
      w.broker.append("t", 1, {1, 2});
      if (i % 5 == 0) w.world().network().reset_any();
    }
    REQUIRE(w.world().run_until([&] { return running->done(); }, base::seconds(120)));
    CHECK(running->take());
    w.run(reading.close());
  }
}

}  // namespace
}  // namespace millrace::client::test
