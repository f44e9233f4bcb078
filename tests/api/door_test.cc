#include "api/kafka/door.hh"

#include <doctest/doctest.h>

#include "kafka_node.hh"
#include "reactor/socket.hh"

namespace millrace::api::kafka {
namespace {

using namespace test;
using reactor::task;
using sockets = std::vector<std::unique_ptr<reactor::socket>>;

/// ApiVersions 0, correlation id 7, no client id.
constexpr uint8_t request[] = {0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff};

/// Connects `count` times; a connection that answers a request is kept.
task<sockets> connect_and_ask(reactor::core* on, std::string server, unsigned count) {
  sockets answered;
  for (unsigned i = 0; i < count; ++i) {
    std::string address = server;
    const auto handle = co_await reactor::connect(*on, std::move(address), 9092);
    if (!handle) continue;
    auto socket = std::make_unique<reactor::socket>(*on, *handle);
    const iovec piece{const_cast<uint8_t*>(request), sizeof request};
    (void)co_await socket->send({&piece, 1});
    size_t got = 0;
    for (;;) {
      const auto received = co_await socket->receive();
      if (received.buffer == nullptr) break;
      got += received.buffer->size;
      socket->give_back(*received.buffer);
      if (got >= 12) break;
    }
    if (got >= 12) {
      answered.push_back(std::move(socket));
    } else {
      co_await socket->close();
    }
  }
  co_return answered;
}

task<void> send_some(reactor::socket* to, size_t bytes) {
  const iovec piece{const_cast<uint8_t*>(request), bytes};
  (void)co_await to->send({&piece, 1});
}

task<void> close_all(sockets* all) {
  for (auto& s : *all) {
    while (s->has_arrived()) {
      const auto rest = co_await s->receive();
      s->give_back(*rest.buffer);
    }
    co_await s->close();
  }
  all->clear();
}

size_t connections(kafka_node& k, unsigned cores) {
  size_t sum = 0;
  for (unsigned i = 0; i < cores; ++i) sum += k.at(i).connections();
  return sum;
}

}  // namespace

TEST_CASE("door: each core serves its share of the connections, whoever accepted them") {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    CAPTURE(seed);
    kafka_node k(seed, 3);
    k.open_doors();
    sim::node& peer = k.b.w.add_node();
    sockets open = k.b.w.run(peer, 0, connect_and_ask(&peer.core(), k.b.n.address(), 12));
    CHECK(open.size() == 12);
    uint64_t passed = 0;
    for (unsigned i = 0; i < 3; ++i) {
      CAPTURE(i);
      CHECK(k.at(i).connections() == 4);
      CHECK(k.shares().of(base::core_id(i)) == 4);
      passed += k.at(i).counters().passed_on;
    }
    CHECK(passed > 0);
    k.b.w.run(peer, 0, close_all(&open));
    CHECK(k.b.w.run_until([&] { return connections(k, 3) == 0; }, base::seconds(10)));
    CHECK(k.shares().total() == 0);
  }
}

TEST_CASE("door: max.connections counts all cores; one more is closed, and one that leaves makes room") {
  kafka_node k(2, 2, {}, {}, {}, {}, 5);
  k.open_doors();
  sim::node& peer = k.b.w.add_node();
  sockets open = k.b.w.run(peer, 0, connect_and_ask(&peer.core(), k.b.n.address(), 8));
  CHECK(open.size() == 5);
  CHECK(k.at(0).counters().turned_away + k.at(1).counters().turned_away == 3);
  sockets leaves;
  leaves.push_back(std::move(open.back()));
  open.pop_back();
  k.b.w.run(peer, 0, close_all(&leaves));
  CHECK(k.b.w.run_until([&] { return connections(k, 2) == 4; }, base::seconds(10)));
  sockets next = k.b.w.run(peer, 0, connect_and_ask(&peer.core(), k.b.n.address(), 2));
  CHECK(next.size() == 1);
  k.b.w.run(peer, 0, close_all(&open));
  k.b.w.run(peer, 0, close_all(&next));
}

TEST_CASE("door: one core's own bound holds beside that of all cores") {
  kafka_node k(3, 1, {}, {.connections_max = 3});
  k.open_doors();
  sim::node& peer = k.b.w.add_node();
  sockets open = k.b.w.run(peer, 0, connect_and_ask(&peer.core(), k.b.n.address(), 5));
  CHECK(open.size() == 3);
  CHECK(k.shares().total() == 3);
  k.b.w.run(peer, 0, close_all(&open));
}

TEST_CASE("door: a frame that stands still ends its connection after 30 s, silence after what was said") {
  kafka_node k(4, 1, {}, {.idle_max = base::seconds(600)});
  k.open_doors();
  sim::node& peer = k.b.w.add_node();
  sockets open = k.b.w.run(peer, 0, connect_and_ask(&peer.core(), k.b.n.address(), 2));
  REQUIRE(open.size() == 2);
  const auto lives = [&](size_t count, int64_t seconds) {
    return !k.b.w.run_until([&] { return k.at(0).connections() < count; }, base::seconds(seconds));
  };
  CHECK(lives(2, 500));
  k.b.w.run(peer, 0, send_some(open[0].get(), 6));
  CHECK(lives(2, 25));
  CHECK_FALSE(lives(2, 10));
  CHECK(lives(1, 60));
  CHECK_FALSE(lives(1, 11));
  k.b.w.run(peer, 0, close_all(&open));
}

TEST_CASE("door: closing while connections arrive and change cores loses none of them") {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    CAPTURE(seed);
    kafka_node k(seed, 3);
    k.open_doors();
    sim::node& peer = k.b.w.add_node();
    auto arriving = k.b.w.start(peer, 0, connect_and_ask(&peer.core(), k.b.n.address(), 30));
    k.b.w.run_until([&] { return k.shares().total() >= seed % 8; }, base::seconds(5));
    k.close_doors();
    CHECK(connections(k, 3) == 0);
    CHECK(k.shares().total() == 0);
    REQUIRE(k.b.w.run_until([&] { return arriving->done(); }, base::seconds(3600)));
    sockets open = arriving->take();
    k.b.w.run(peer, 0, close_all(&open));
  }
}

}  // namespace millrace::api::kafka
