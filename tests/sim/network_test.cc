#include <doctest/doctest.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "network_pair.hh"

using namespace millrace;
using namespace millrace::sim::test;
using sim::world;

TEST_CASE(
    "network: bytes arrive whole and in order, cut anywhere, through windows and pools of any "
    "size") {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    pair p(seed);
    const std::vector<uint8_t> out = noise(700'000, seed);
    const std::vector<uint8_t> back = noise(90'000, seed + 1000);
    receiver there(p.server.core(), p.far);
    receiver here(p.client.core(), p.near);
    there.start();
    here.start();
    auto forth = p.w.start(p.client, 0, send(p.client.core(), p.near, out));
    auto reply = p.w.start(p.server, 0, send(p.server.core(), p.far, back));
    REQUIRE(p.w.run_until([&] { return there.bytes.size() == out.size() && here.bytes.size() == back.size(); },
                          base::seconds(600)));
    REQUIRE(p.w.run_until([&] { return forth->done() && reply->done(); }, base::seconds(1)));
    CHECK(forth->take() == 700'000);
    CHECK(reply->take() == 90'000);
    CHECK(there.bytes == out);
    CHECK(here.bytes == back);
    CHECK(there.pieces > 10);
    CHECK(p.server.backend().peer_name(p.far).starts_with("10.0.0.2:"));
    p.w.crash(p.server);
    p.w.crash(p.client);
  }
}

TEST_CASE("network: a send to one who does not read does not end until he reads") {
  pair p(3);
  const std::vector<uint8_t> out = noise(1'000'000, 3);
  auto sending = p.w.start(p.client, 0, send(p.client.core(), p.near, out));
  p.w.run_for(base::seconds(60));
  CHECK_FALSE(sending->done());
  receiver there(p.server.core(), p.far);
  there.start();
  REQUIRE(p.w.run_until([&] { return sending->done(); }, base::seconds(600)));
  CHECK(sending->take() == 1'000'000);
  p.w.crash(p.server);
}

TEST_CASE("network: a pool that runs out ends the receive, and late releases let it go on") {
  sim::world_options options;
  options.network.receive_buffers_least = options.network.receive_buffers_most = 4;
  options.network.multishot_end = 0;
  pair p(4, options);
  const std::vector<uint8_t> out = noise(200'000, 4);
  receiver there(p.server.core(), p.far);
  there.hold = true;
  there.again = false;
  there.start();
  auto sending = p.w.start(p.client, 0, send(p.client.core(), p.near, out));
  REQUIRE(p.w.run_until([&] { return !there.ends.empty(); }, base::seconds(10)));
  CHECK(there.ends.back() == -ENOBUFS);
  CHECK(there.pieces == 4);
  CHECK(p.server.backend().pool().lent() == 4);
  there.start();
  p.w.run_for(base::seconds(1));
  CHECK(there.ends == std::vector<int64_t>{-ENOBUFS, -ENOBUFS});
  there.give_back_all();
  there.hold = false;
  there.again = true;
  there.start();
  REQUIRE(p.w.run_until([&] { return there.bytes.size() == out.size(); }, base::seconds(600)));
  CHECK(there.bytes == out);
  CHECK(p.server.backend().pool().lent() == 0);
  p.w.crash(p.server);
  p.w.crash(p.client);
}

TEST_CASE(
    "network: a multishot receive may end by itself after any answer and goes on where it "
    "stopped") {
  sim::world_options options;
  options.network.multishot_end = 0.5;
  pair p(5, options);
  const std::vector<uint8_t> out = noise(100'000, 5);
  receiver there(p.server.core(), p.far);
  there.start();
  auto sending = p.w.start(p.client, 0, send(p.client.core(), p.near, out));
  REQUIRE(p.w.run_until([&] { return there.bytes.size() == out.size(); }, base::seconds(600)));
  CHECK(there.bytes == out);
  CHECK(there.ends.size() > 2);
  p.w.crash(p.server);
  p.w.crash(p.client);
}

TEST_CASE("network: the end of a stream comes after its bytes") {
  struct row {
    const char* name;
    bool half;  ///< by half_close of the test, or by close of the program
  };
  for (const row& r : {row{"half closed", true}, row{"closed", false}}) {
    CAPTURE(r.name);
    pair p(6);
    receiver there(p.server.core(), p.far);
    CHECK(p.w.run(p.client, 0, send(p.client.core(), p.near, filled(3000, 'x'))) == 3000);
    if (r.half) {
      CHECK(p.w.network().half_close(p.client, p.near));
    } else {
      CHECK(p.w.run(p.client, 0, on_handle(p.client.core(), op_kind::close, p.near)) == 0);
    }
    there.start();
    REQUIRE(p.w.run_until([&] { return there.ended(); }, base::seconds(10)));
    CHECK(there.ends.back() == 0);
    CHECK(there.bytes == filled(3000, 'x'));
    const int64_t answered = p.w.run(p.server, 0, send(p.server.core(), p.far, filled(10, 'y')));
    CHECK(answered == 10);  // one who closed says so only when bytes reach him
    p.w.run_for(base::seconds(1));
    const int64_t again = p.w.run(p.server, 0, send(p.server.core(), p.far, filled(10, 'y')));
    CHECK(again == (r.half ? 10 : -ECONNRESET));
  }
}

/// Both ends hear what comes.
struct hearing_pair : pair {
  explicit hearing_pair(uint64_t seed) : pair(seed), here(client.core(), near), there(server.core(), far) {
    here.start();
    there.start();
  }
  receiver here;
  receiver there;
};

TEST_CASE("network: shutdown ends the waiting receive here and the stream there") {
  hearing_pair p(7);
  CHECK(p.w.run(p.client, 0, on_handle(p.client.core(), op_kind::shutdown, p.near)) == 0);
  REQUIRE(p.w.run_until([&] { return p.here.ended() && p.there.ended(); }, base::seconds(10)));
  CHECK(p.here.ends.back() == 0);
  CHECK(p.there.ends.back() == 0);
  CHECK(p.w.run(p.client, 0, send(p.client.core(), p.near, filled(10, 'y'))) == -EPIPE);
}

TEST_CASE("network: who ends sending still receives, and the other end sees the end of the stream") {
  hearing_pair p(7);
  CHECK(p.w.run(p.client, 0, send(p.client.core(), p.near, filled(10, 'x'))) == 10);
  CHECK(p.w.run(p.client, 0, on_handle(p.client.core(), op_kind::shutdown, p.near, 0, 0, reactor::shutdown_sends)) == 0);
  REQUIRE(p.w.run_until([&] { return p.there.ended(); }, base::seconds(10)));
  CHECK(p.there.ends.back() == 0);
  CHECK(p.there.bytes == filled(10, 'x'));
  CHECK(p.w.run(p.client, 0, send(p.client.core(), p.near, filled(10, 'y'))) == -EPIPE);
  CHECK(p.w.run(p.server, 0, send(p.server.core(), p.far, filled(10, 'z'))) == 10);
  REQUIRE(p.w.run_until([&] { return p.here.bytes.size() == 10; }, base::seconds(10)));
  CHECK_FALSE(p.here.ended());
  p.w.crash(p.server);
  p.w.crash(p.client);
}

TEST_CASE("network: a reset ends everything at both ends") {
  pair p(8);
  receiver there(p.server.core(), p.far);
  there.start();
  receiver here(p.client.core(), p.near);
  here.start();
  REQUIRE(p.w.network().reset(p.client, p.near));
  REQUIRE(p.w.run_until([&] { return here.ended() && there.ended(); }, base::seconds(1)));
  CHECK(here.ends.back() == -ECONNRESET);
  CHECK(there.ends.back() == -ECONNRESET);
  CHECK(p.w.run(p.server, 0, send(p.server.core(), p.far, filled(1, 1))) == -ECONNRESET);
  CHECK(p.w.run(p.server, 0, on_handle(p.server.core(), op_kind::close, p.far)) == 0);
  CHECK(p.w.run(p.client, 0, on_handle(p.client.core(), op_kind::close, p.near)) == 0);
  CHECK(p.w.network().connections() == 0);
}

TEST_CASE("network: a cancelled receive ends, and what comes later is there for the next one") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    pair p(seed);
    receiver there(p.server.core(), p.far);
    there.again = false;
    there.start();
    p.w.run_for(base::milliseconds(1));
    p.server.core().cancel(there);
    p.server.core().cancel(there);
    REQUIRE(p.w.run_until([&] { return !there.in_flight && !there.ends.empty(); }, base::seconds(1)));
    CHECK(there.ends.back() == -ECANCELED);
    CHECK_FALSE(there.armed);
    CHECK(p.w.run(p.client, 0, send(p.client.core(), p.near, filled(100, 'z'))) == 100);
    there.again = true;
    there.start();
    REQUIRE(p.w.run_until([&] { return there.bytes.size() == 100; }, base::seconds(10)));
    p.w.crash(p.server);
  }
}

TEST_CASE("network: a cancelled send to a slow reader ends") {
  pair p(9);
  const std::vector<uint8_t> out = noise(1'000'000, 9);
  const iovec piece{const_cast<uint8_t*>(out.data()), out.size()};
  struct plain_send final : reactor::op {
    plain_send() : op(op_kind::send) {}
    void run(reactor::core&) override { ran = true; }
    bool ran = false;
  } o;
  o.handle = p.near;
  o.iov = &piece;
  o.iov_count = 1;
  p.client.core().submit(o);
  p.w.run_for(base::seconds(1));
  CHECK(o.in_flight);
  p.client.core().cancel(o);
  REQUIRE(p.w.run_until([&] { return o.ran; }, base::seconds(1)));
  CHECK(o.result == -ECANCELED);
}

TEST_CASE(
    "network: a partition holds bytes back; healed in time they arrive, too late the sender gives "
    "up") {
  for (const bool in_time : {true, false}) {
    CAPTURE(in_time);
    pair p(10);
    receiver there(p.server.core(), p.far);
    there.start();
    p.w.network().partition(p.client, p.server);
    CHECK(p.w.run(p.client, 0, send(p.client.core(), p.near, filled(100, 'p'))) == 100);
    p.w.run_for(base::seconds(5));
    CHECK(there.bytes.empty());
    if (!in_time) p.w.run_for(base::seconds(40));
    p.w.network().heal();
    p.w.run_for(base::seconds(2));
    CHECK(there.bytes.size() == (in_time ? 100 : 0));
    const int64_t sent = p.w.run(p.client, 0, send(p.client.core(), p.near, filled(1, 'q')));
    CHECK(sent == (in_time ? 1 : -ETIMEDOUT));
    CHECK(there.ended() == !in_time);
    if (!there.ended()) p.w.crash(p.server);
  }
}

TEST_CASE("network: connecting is refused, lost, or cancelled") {
  sim::world_options options;
  options.network.vanish = 0;
  world w(11, options);
  sim::node& a = w.add_node();
  sim::node& b = w.add_node();
  CHECK(w.run(a, 0, connect(a.core(), b.address(), 1)) == -ECONNREFUSED);
  CHECK(w.run(a, 0, connect(a.core(), "192.168.1.1", 1)) == -ENETUNREACH);
  auto local = b.backend().listen({"127.0.0.1", 7});
  REQUIRE(local);
  CHECK(w.run(a, 0, connect(a.core(), b.address(), 7)) == -ECONNREFUSED);
  CHECK(b.backend().listen({"127.0.0.1", 7, false}).error().detail == EADDRINUSE);
  CHECK(w.run(b, 0, connect(b.core(), "127.0.0.1", 7)) >= 0);
  w.network().partition(a, b);
  CHECK(w.run(a, 0, connect(a.core(), b.address(), 7)) == -ETIMEDOUT);
  struct plain_connect final : reactor::op {
    plain_connect() : op(op_kind::connect) { path = "10.0.0.2"; }
    void run(reactor::core&) override { ran = true; }
    bool ran = false;
  } o;
  a.core().submit(o);
  a.core().cancel(o);
  REQUIRE(w.run_until([&] { return o.ran; }, base::seconds(1)));
  CHECK(o.result == -ECANCELED);
  w.network().heal();
  w.crash(b);
  CHECK(w.run(a, 0, connect(a.core(), b.address(), 7)) == -ECONNREFUSED);
}

TEST_CASE("network: connections to a shared port reach every core") {
  sim::world_options options;
  options.network.multishot_end = 0.2;
  world w(12, options);
  sim::node& server = w.add_node(2);
  sim::node& client = w.add_node();
  auto first = server.backend(0).listen({"0.0.0.0", 0, true});
  REQUIRE(first);
  auto second = server.backend(1).listen({"0.0.0.0", first->port, true});
  REQUIRE(second);
  acceptor one(server.core(0), first->handle);
  acceptor two(server.core(1), second->handle);
  std::vector<std::unique_ptr<sim::started<int64_t>>> tasks;
  for (int i = 0; i < 220; ++i) tasks.push_back(w.start(client, 0, connect(client.core(), server.address(), first->port)));
  w.run_for(base::seconds(20));
  for (auto& t : tasks) {
    REQUIRE(t->done());
    CHECK(t->take() >= 0);
  }
  CHECK(one.handles.size() > 70);
  CHECK(two.handles.size() > 70);
  CHECK(one.handles.size() + two.handles.size() == 220);
  CHECK(one.ends.size() + two.ends.size() > 10);
  server.core(0).cancel(one);
  w.run_for(base::milliseconds(1));
  CHECK_FALSE(one.in_flight);
  CHECK(one.ends.back() == -ECANCELED);
  CHECK(w.run(server, 0, on_handle(server.core(0), op_kind::close, first->handle)) == 0);
  w.crash(server);
}

TEST_CASE("network: a full accept holds connections back, and nobody is lost") {
  sim::world_options options;
  options.network.multishot_end = 0;
  world w(14, options);
  sim::node& server = w.add_node();
  sim::node& client = w.add_node();
  auto listening = server.backend().listen({"0.0.0.0", 9092});
  acceptor doors(server.core(), listening->handle);
  std::vector<std::unique_ptr<sim::started<int64_t>>> tasks;
  for (int i = 0; i < 100; ++i) {
    tasks.push_back(w.start(client, 0, connect(client.core(), server.address(), 9092)));
  }
  w.pause(server, 0, base::seconds(1));
  w.run_for(base::milliseconds(900));
  CHECK(doors.count == reactor::accept_op::capacity);
  w.run_for(base::seconds(5));
  CHECK(doors.handles.size() == 100);
  CHECK(doors.ends.empty());
  w.crash(server);
}

TEST_CASE("network: a late cancel does not strike the receive that was armed after") {
  bool overtaken = false;
  const std::vector<uint8_t> bytes = filled(20, 'z');
  for (uint64_t seed = 1; seed <= 80; ++seed) {
    sim::world_options options;
    options.network.multishot_end = 1;
    pair p(seed, options);
    receiver there(p.server.core(), p.far);
    there.start();
    auto sending = p.w.start(p.client, 0, send(p.client.core(), p.near, bytes));
    p.w.run_for(base::microseconds(static_cast<int64_t>(seed)));
    const bool first = there.in_flight && there.ends.empty();
    if (first) p.server.core().cancel(there);
    p.w.run_for(base::milliseconds(100));
    REQUIRE_FALSE(there.ends.empty());
    if (first && there.ends.front() == 1) {  // an answer ended it before the cancel did
      overtaken = true;
      CHECK(there.ends.back() == 1);
      CHECK(there.in_flight);
    }
    p.w.crash(p.server);
    p.w.crash(p.client);
  }
  CHECK(overtaken);
}
