#include <doctest/doctest.h>

#include "client/call.hh"
#include "client_world.hh"
#include "scripted_peer.hh"
#include "wire/kafka/messages/metadata.hh"

namespace millrace::client::test {
namespace {

using namespace wire::kafka;

task<std::optional<base::error>> ask_metadata(connection* link) {
  metadata_request request;
  const auto got = co_await call<metadata_response, metadata_request>(link, &request);
  if (got) co_return std::nullopt;
  co_return got.error();
}

TEST_CASE("connection: is opened again after it broke, and what was on the way has failed") {
  client_world w(3);
  connection link(w.on(), {w.broker.b.n.address(), kafka_node::port}, {});
  REQUIRE(w.run(link.open()));
  CHECK(!w.run(ask_metadata(&link)));
  w.world().network().partition(w.home, w.broker.b.n);
  auto asking = w.world().start(w.home, 0, ask_metadata(&link));
  w.world().run_for(base::milliseconds(1));
  while (w.world().network().reset_any()) w.world().run_for(base::milliseconds(50));
  w.world().network().heal();
  REQUIRE(w.world().run_until([&] { return asking->done(); }, base::seconds(60)));
  CHECK(asking->take().has_value());
  CHECK(!link.is_open());
  REQUIRE(w.run(link.open()));
  CHECK(!w.run(ask_metadata(&link)));
  w.run(link.close());
}

TEST_CASE("connection: ends where an answer does not come in time") {
  client_world w(4);
  connection link(w.on(), {w.broker.b.n.address(), kafka_node::port}, {.request_timeout = base::seconds(2)});
  REQUIRE(w.run(link.open()));
  w.world().network().partition(w.home, w.broker.b.n);
  const base::instant before = w.world().now();
  const auto why = w.run(ask_metadata(&link));
  REQUIRE(why);
  CHECK(why->code == base::errc::timed_out);
  CHECK((w.world().now() - before).ms() >= 2000);
  CHECK((w.world().now() - before).ms() < 3000);
  w.world().network().heal();
  w.run(link.close());
}

TEST_CASE("connection: nobody there is an error, and the next attempt waits for its turn") {
  client_world w(5);
  connection link(w.on(), {w.broker.b.n.address(), 9},
                  {.backoff_least = base::milliseconds(100), .backoff_most = base::milliseconds(400)});
  base::instant before = w.world().now();
  for (const int64_t least : {0, 100, 200, 400, 400}) {
    CHECK(!w.run(link.open()));
    CHECK((w.world().now() - before).ms() >= least);
    before = w.world().now();
  }
  w.run(link.close());
}

TEST_CASE("connection: a peer that does not speak Kafka's protocol is refused") {
  struct row {
    const char* name;
    std::vector<uint8_t> bytes;
  };
  const row rows[] = {
      {"text", {'H', 'T', 'T', 'P', '/', '1', '.', '1', ' ', '4', '0', '0'}},
      {"another correlation id", {0, 0, 0, 12, 0, 0, 0, 99, 0, 0, 1, 0, 0, 0, 0, 0}},
      {"a negative length", {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1}},
      {"a length without an id", {0, 0, 0, 2, 0, 0}},
      {"an answer that ends too early", {0, 0, 0, 5, 0, 0, 0, 1, 0}},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    client_world w(6);
    sim::node& other = w.world().add_node();
    {
      scripted_peer answering(other.core(), {r.bytes});
      reactor::listener door(other.core(), answering);
      REQUIRE(door.open({.host = "0.0.0.0", .port = 7000}));
      connection link(w.on(), {other.address(), 7000}, {});
      const auto opened = w.run(link.open());
      REQUIRE(!opened);
      CHECK((opened.error().code == base::errc::malformed || opened.error().code == base::errc::truncated));
      CHECK(!link.is_open());
      w.run(link.close());
      w.world().crash(other);
      door.abandon();
    }
  }
}

TEST_CASE("connection: a broker that knows only the oldest ApiVersions is asked in that") {
  client_world w(7);
  sim::node& other = w.world().add_node();
  {
    // Error 35 in version 0, as brokers answer a version that they do not know; then what it knows.
    scripted_peer answering(other.core(), {{0, 0, 0, 16, 0, 0, 0, 1, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 2},
                                           {0, 0, 0, 16, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0, 3, 0, 0, 0, 4}});
    reactor::listener door(other.core(), answering);
    REQUIRE(door.open({.host = "0.0.0.0", .port = 7000}));
    connection link(w.on(), {other.address(), 7000}, {});
    REQUIRE(w.run(link.open()));
    const auto metadata = link.version_of<metadata_request>();
    REQUIRE(metadata);
    CHECK(*metadata == 4);
    CHECK(!link.version_of(0, 3, 12));
    w.run(link.close());
    w.world().crash(other);
    door.abandon();
  }
}

}  // namespace
}  // namespace millrace::client::test
