#include <doctest/doctest.h>

#include <cerrno>

#include "client/kafka_code.hh"
#include "client_world.hh"
#include "scripted_peer.hh"
#include "wire/kafka/messages/fetch.hh"

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

std::vector<start_position> from_begin(int32_t partitions) {
  std::vector<start_position> all;
  for (int32_t p = 0; p < partitions; ++p) all.push_back({.topic = "t", .partition = p, .offset = 0});
  return all;
}

/// Which partition the next answer has, where it has one.
int32_t next_partition(client_world& w, consumer& reading) {
  const fetched* got = w.run(reading.next());
  return got != nullptr && got->partitions.size() == 1 && !got->partitions[0].why ? got->partitions[0].partition : -1;
}

TEST_CASE("consumer: what keeps it from reading is its trouble, until an answer is good again") {
  client_world w(43);
  w.create("t");
  consumer reading(*w.cluster, {.max_wait = base::milliseconds(50)});
  REQUIRE(w.run(reading.assign(from_begin(1))));
  w.world().run_for(base::milliseconds(300));
  CHECK(!reading.trouble());
  const auto comes_to = [&](std::optional<base::error> wanted) {
    return w.world().run_until([&] { return reading.trouble() == wanted; }, base::seconds(20));
  };
  REQUIRE(w.run(admin(*w.cluster).delete_topic("t")));
  CHECK(comes_to(base::fail(base::errc::refused, code::unknown_topic_or_partition).what));
  w.create("t");
  CHECK(comes_to(std::nullopt));
  w.broker.append("t", 0, {1, 2});
  CHECK(next_partition(w, reading) == 0);
  w.broker.close_doors();
  CHECK(comes_to(base::fail_errno(ECONNREFUSED).what));
  CHECK(w.cluster->unreachable() == w.broker.b.n.address() + ":9092");
  w.run(reading.close());
}

TEST_CASE("consumer: an error that does not pass stays its trouble, until something else is read") {
  client_world w(44);
  w.create("t", 2);
  w.broker.append("t", 1, {1});
  consumer reading(*w.cluster, {.max_wait = base::milliseconds(50)});
  REQUIRE(
      w.run(reading.assign({{.topic = "t", .partition = 0, .offset = 99}, {.topic = "t", .partition = 1, .offset = 0}})));
  w.world().run_for(base::seconds(1));  // the other one has good answers meanwhile
  const std::optional<base::error> out_of_range = base::fail(base::errc::refused, code::offset_out_of_range).what;
  CHECK((reading.trouble() == out_of_range));
  REQUIRE(w.run(reading.assign({{.topic = "t", .partition = 1, .offset = 0}})));
  CHECK(!reading.trouble());
  w.run(reading.close());
}

TEST_CASE("consumer: that a broker offers no Fetch that is known here is its trouble") {
  client_world w(45);
  metadata_alone broker(w);
  consumer reading(broker.cluster, {});
  REQUIRE(w.run(reading.assign(from_begin(1))));
  const std::optional<base::error> none = base::fail(base::errc::unsupported, wire::kafka::fetch_request::api_key).what;
  CHECK((reading.trouble() == none));
  w.run(reading.close());
}

TEST_CASE("consumer: has one fetch session with its broker, from its first answer until it is closed") {
  client_world w(40, {}, 1);
  w.create("t", 20);
  consumer reading(*w.cluster, {.max_wait = base::milliseconds(50)});
  REQUIRE(w.run(reading.assign(from_begin(20))));
  for (const int32_t p : {3, 19, 3, 0}) {
    w.broker.append("t", p, {1, 2});
    CHECK(next_partition(w, reading) == p);
    CHECK(w.broker.at(0).sessions().sessions() == 1);
  }
  // Other partitions, another session in place of the first.
  REQUIRE(w.run(reading.assign({{.topic = "t", .partition = 7, .offset = 0}})));
  w.broker.append("t", 7, {1});
  CHECK(next_partition(w, reading) == 7);
  CHECK(w.broker.at(0).sessions().sessions() == 1);
  // Nothing to read, no session.
  REQUIRE(w.run(reading.assign({})));
  CHECK(w.world().run_until([&] { return w.broker.at(0).sessions().sessions() == 0; }, base::seconds(1)));
  REQUIRE(w.run(reading.assign(from_begin(1))));
  w.broker.append("t", 0, {3});
  CHECK(next_partition(w, reading) == 0);
  CHECK(w.broker.at(0).sessions().sessions() == 1);
  w.run(reading.close());
  CHECK(w.broker.at(0).sessions().sessions() == 0);
}

TEST_CASE("consumer: reads without a session where the broker has no place for one") {
  client_world w(41, {}, 1, {.fetch_sessions_max = 0});
  w.create("t", 3);
  consumer reading(*w.cluster, {.max_wait = base::milliseconds(50)});
  REQUIRE(w.run(reading.assign(from_begin(3))));
  for (const int32_t p : {2, 0, 2, 1}) {
    w.broker.append("t", p, {1, 2});
    CHECK(next_partition(w, reading) == p);
  }
  CHECK(w.broker.at(0).sessions().sessions() == 0);
  w.run(reading.close());
}

TEST_CASE("consumer: begins another session where the broker has given its place to somebody else") {
  client_world w(42, {}, 1, {.fetch_sessions_max = 1});
  w.create("t", 2);
  w.broker.append("t", 0, {1, 2});
  consumer slow(*w.cluster, {.max_wait = base::milliseconds(50), .ahead = 1});
  REQUIRE(w.run(slow.assign(from_begin(2))));
  REQUIRE(next_partition(w, slow) == 0);
  w.broker.append("t", 0, {3});
  // An answer waits to be taken, so nothing is asked for: after two minutes its session may go.
  w.world().run_for(base::seconds(121));
  consumer other(*w.cluster, {.max_wait = base::milliseconds(50)});
  w.broker.append("t", 1, {4});
  REQUIRE(w.run(other.assign({{.topic = "t", .partition = 1, .offset = 0}})));
  CHECK(next_partition(w, other) == 1);
  CHECK(w.broker.at(0).sessions().sessions() == 1);
  CHECK(next_partition(w, slow) == 0);
  CHECK(next_partition(w, slow) == 1);
  w.broker.append("t", 0, {5});
  CHECK(next_partition(w, slow) == 0);
  CHECK(slow.positions()[0].offset == 4);
  w.run(slow.close());
  w.run(other.close());
}

}  // namespace
}  // namespace millrace::client::test
