#include <doctest/doctest.h>

#include "session_requests.hh"

/// Fetch sessions (KIP-227) over sockets: who may use one, and who gets one.

namespace millrace::api::kafka {

using namespace test;

TEST_CASE("Fetch session: one request at a time, from whichever connection") {
  with_sessions f(7);
  f.create("t", 1);
  kafka_client c(f.k);
  kafka_client other(f.k);
  const int32_t id = f.fetch(c, {.parts = {{"t", 0}}}).id;
  CHECK(f.fetch(other, {.id = id, .epoch = 1}).id == id);
  CHECK(f.k.at(0).held().now().own == 0);
  c.send({f.encoded({.id = id, .epoch = 2, .min_bytes = 1, .max_wait_ms = 20000})});
  f.k.b.w.run_for(base::milliseconds(100));
  CHECK(f.k.at(0).held().now().own > 100);  // what waits for a few bytes' asking counts
  CHECK(f.fetch(other, {.id = id, .epoch = 2}).error == 71);
  CHECK(f.fetch(other, {.id = id, .epoch = 3}).error == 71);
  f.append("t", 0);
  CHECK(f.decoded(*c.receive()).text == "t0:1+");
  CHECK(f.fetch(other, {.id = id, .epoch = 3}).text == "t0:1+");
  SUBCASE("two of one epoch, one behind the other") {
    c.send({f.encoded({.id = id, .epoch = 4}, 1), f.encoded({.id = id, .epoch = 4}, 2)});
    CHECK(f.decoded(*c.receive()).error == 0);
    CHECK(f.decoded(*c.receive()).error == 71);
    CHECK(f.fetch(c, {.id = id, .epoch = 5}).error == 0);
  }
  SUBCASE("closed by another connection while it waits") {
    c.send({f.encoded({.id = id, .epoch = 4, .parts = {{"t", 0, 1}}, .min_bytes = 1, .max_wait_ms = 20000})});
    f.k.b.w.run_for(base::milliseconds(100));
    const int32_t second = f.fetch(other, {.id = id, .epoch = 0, .parts = {{"t", 0, 1}}}).id;
    CHECK(second > 0);
    CHECK(second != id);
    f.append("t", 0);
    const told got = f.decoded(*c.receive());
    CHECK(got.error == 0);
    CHECK(got.text == "t0:2+");
    CHECK(f.fetch(c, {.id = id, .epoch = 5}).error == 70);
    CHECK(f.fetch(c, {.id = second, .epoch = 1}).error == 0);
    CHECK(f.k.at(0).sessions().sessions() == 1);
  }
  SUBCASE("whose connection ends while it waits") {
    {
      kafka_client gone(f.k);
      gone.send({f.encoded({.id = id, .epoch = 4, .parts = {{"t", 0, 1}}, .min_bytes = 1, .max_wait_ms = 20000})});
      f.k.b.w.run_for(base::milliseconds(100));
      CHECK(f.fetch(other, {.id = id, .epoch = 5}).error == 71);
    }
    f.k.b.w.run_for(base::seconds(30));
    CHECK(f.fetch(other, {.id = id, .epoch = 5}).error == 0);
  }
}

TEST_CASE("Fetch session: it goes on although the answer before has not left yet") {
  with_sessions f(14);
  f.create("t", 2);
  kafka_client c(f.k);
  kafka_client producer(f.k);
  for (int32_t i = 0; i < 4; ++i) {
    producer.send({produce_frame("t", 0, batch_of(150'000), i)});
    REQUIRE(producer.receive());
  }
  const int32_t id = f.fetch(c, {.parts = {{"t", 0, 4}, {"t", 1}}}).id;
  c.send({f.encoded({.id = id, .epoch = 1, .parts = {{"t", 0, 0, 4 << 20}}})});
  f.k.b.w.run_for(base::milliseconds(50));
  REQUIRE(f.k.at(0).held().now().blocks > 0);
  c.send({f.encoded({.id = id, .epoch = 2, .parts = {{"t", 0, 4}}})});
  CHECK(f.decoded(*c.receive()).text == "t0:4+");
  const told next = f.decoded(*c.receive());
  CHECK(next.error == 0);
  CHECK(next.text == "");
}

TEST_CASE("Fetch session: where there are as many as may be, a fetch is answered in full without one") {
  with_sessions f(11, {.fetch_sessions_max = 1});
  f.create("t", 2);
  kafka_client c(f.k);
  const int32_t id = f.fetch(c, {.parts = {{"t", 0}}}).id;
  CHECK(id > 0);
  for (int i = 0; i < 3; ++i) {
    const told other = f.fetch(c, {.parts = {{"t", 0}, {"t", 1}}});
    CHECK(other.id == 0);
    CHECK(other.text == "t0:0 t1:0");
  }
  CHECK(f.fetch(c, {.id = id, .epoch = 1}).error == 0);
  f.k.b.w.run_for(base::seconds(121));
  CHECK(f.fetch(c, {.parts = {{"t", 0}, {"t", 1}}}).id > 0);
  CHECK(f.fetch(c, {.id = id, .epoch = 2}).error == 70);
}

TEST_CASE("Fetch session: the memory of a core's sessions is bounded; what would pass that is answered in full") {
  sim::world_options how;
  how.core_memory_bytes = 16 << 20;
  with_sessions f(12, {}, 1, 0, {}, how);
  f.create("t", 3);
  kafka_client c(f.k);
  const size_t bound = f.k.at(0).sessions().most().bytes;
  CHECK(bound == (1 << 20));
  const auto many = static_cast<int32_t>(bound / fetch_session::partition_bytes());
  std::vector<wanted> parts;
  for (int32_t p = 0; p < many; ++p) parts.push_back({"t", p});
  const told refused = f.fetch(c, {.parts = parts});
  CHECK(refused.id == 0);
  CHECK(refused.count == static_cast<size_t>(many));
  CHECK(f.k.at(0).sessions().bytes() == 0);
  // One that begins small and grows.
  const told small = f.fetch(c, {.parts = {{"t", 0}, {"t", 1}, {"t", 2}}});
  CHECK(f.fetch(c, {.id = small.id, .epoch = 1}).count == 0);
  const told grown = f.fetch(c, {.id = small.id, .epoch = 2, .parts = {parts.begin() + 3, parts.end()}});
  CHECK(grown.error == 0);
  CHECK(grown.id == 0);
  CHECK(grown.count == static_cast<size_t>(many));
  CHECK(f.fetch(c, {.id = small.id, .epoch = 3}).error == 70);
  CHECK(f.k.at(0).sessions().bytes() == 0);
  // A flood of large ones.
  std::vector<wanted> some(parts.begin(), parts.begin() + many / 4);
  size_t begun = 0;
  for (int i = 0; i < 20; ++i) {
    begun += f.fetch(c, {.parts = some}).id > 0 ? 1 : 0;
    CHECK(f.k.at(0).sessions().bytes() <= bound);
  }
  CHECK(begun == 3);
  CHECK(f.k.at(0).held().now().own < (1 << 20));
}

TEST_CASE("Fetch session: a request that forgets more than one may name closes its connection") {
  with_sessions f(13);
  f.create("t", 1);
  kafka_client c(f.k);
  const int32_t id = f.fetch(c, {.parts = {{"t", 0}}}).id;
  std::vector<std::pair<std::string, int32_t>> forgotten(100'001, {"t", 5});
  c.send({f.encoded({.id = id, .epoch = 1, .forgotten = forgotten})});
  CHECK_FALSE(c.receive(base::seconds(5)));
  kafka_client again(f.k);
  CHECK(f.fetch(again, {.id = id, .epoch = 1}).error == 0);
}

}  // namespace millrace::api::kafka
