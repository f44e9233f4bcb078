#include <doctest/doctest.h>

#include "http_node.hh"

/// Clients of HTTP that are slow, silent or many: they hold little, and not for long.

namespace millrace::api::http {
namespace {

using namespace test;

bool all_gone(http_node& f, base::duration limit) {
  return f.k.b.w.run_until([&] { return f.door->connections() == 0; }, limit);
}

}  // namespace

TEST_CASE("http: who asks nothing is closed after a minute, who does not finish asking after ten seconds") {
  http_node f(1);
  const auto silent = f.client();
  const auto slow = f.client();
  const auto blank = f.client();
  // A byte each second, which is progress of a kind.
  const std::string request = http_client::get("/healthz");
  for (int i = 0; i < 9; ++i) {
    slow->send_now(request.substr(static_cast<size_t>(i), 1));
    blank->send_now("\r\n");
    f.k.b.w.run_for(base::seconds(1));
  }
  CHECK(f.door->connections() == 3);
  CHECK(slow->closes(base::seconds(2)));
  CHECK(f.door->connections() == 2);
  f.k.b.w.run_for(base::seconds(48));
  CHECK(f.door->connections() == 2);
  CHECK(all_gone(f, base::seconds(4)));
  CHECK(f.door->counters().timed_out == 3);
  CHECK(f.door->memory().used() == 0);
}

TEST_CASE("http: a body that does not come ends the connection") {
  http_node f(2);
  const auto c = f.client();
  c->send("GET /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nfirst");
  CHECK(c->receive()->status == 200);
  CHECK_FALSE(c->closes(base::seconds(9)));
  CHECK(c->closes(base::seconds(2)));
}

TEST_CASE("http: who takes no answer is closed, and what was made for it comes back") {
  http_node f(3);
  f.k.create("t", 300);
  const size_t before = f.k.b.n.core().memory().used();
  const auto c = f.client();
  std::string all;
  for (int i = 0; i < 100; ++i) all += http_client::get("/metrics");
  c->send(all);
  f.k.b.w.run_for(base::seconds(3));
  CHECK(f.door->connections() == 1);
  CHECK(f.door->memory().used() > 0);
  // Others are served meanwhile.
  CHECK(f.metrics().find("millrace_ready 1") != std::string::npos);
  CHECK(all_gone(f, base::seconds(12)));
  CHECK(f.door->counters().timed_out == 1);
  CHECK(f.door->memory().used() == 0);
  CHECK(f.k.b.n.core().memory().used() == before);
}

TEST_CASE("http: what arrived in large pieces is not kept once it is answered") {
  sim::world_options how;
  how.network.window_bytes_least = how.network.window_bytes_most = 4 << 20;
  how.network.receive_buffers_least = how.network.receive_buffers_most = 64;
  how.network.receive_buffer_bytes_least = how.network.receive_buffer_bytes_most = 65536;
  http_node f(7, 1, {}, how);
  const auto c = f.client();
  std::string all;
  size_t count = 0;
  for (; all.size() < 60'000; ++count) all += http_client::get("/none");
  c->send_now(all);
  for (size_t i = 0; i < count; ++i) REQUIRE(c->receive()->status == 404);
  f.k.b.w.run_for(base::milliseconds(10));
  CHECK(f.door->memory().used() <= 16 << 10);
  CHECK(f.door->connections() == 1);
}

TEST_CASE("http: one connection too many takes the place of who waits for longest, or is closed where all are answered") {
  http_node f(4, 1, {.connections_max = 3});
  std::vector<std::unique_ptr<http_client>> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(f.client());
    f.k.b.w.run_for(base::milliseconds(10));
  }
  CHECK(all[0]->ask("/healthz")->status == 200);  // now the second waits for longest
  all[1]->send_now("GET ");                       // though it has begun to ask
  f.k.b.w.run_for(base::milliseconds(10));
  const auto next = f.client();
  CHECK(next->ask("/healthz")->status == 200);
  CHECK(all[1]->closes(base::seconds(1)));
  CHECK(f.door->connections() == 3);
  std::string many;
  for (int i = 0; i < 100; ++i) many += http_client::get("/metrics");
  for (int i = 0; i < 3; ++i) {
    all.push_back(f.client());
    all.back()->send(many);
    f.k.b.w.run_for(base::seconds(1));
  }
  const auto late = f.client();
  CHECK(late->closes(base::seconds(1)));
  CHECK(f.door->counters().turned_away == 1);
  CHECK(f.door->connections() == 3);
}

TEST_CASE("http: who has its last answer and does not close gives way, too") {
  http_node f(8, 1, {.connections_max = 3});
  std::vector<std::unique_ptr<http_client>> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(f.client());
    all.back()->send("GET /healthz HTTP/1.0\r\n\r\n");
    CHECK(all.back()->receive()->status == 200);
  }
  REQUIRE(f.door->connections() == 3);
  CHECK(f.client()->ask("/healthz")->status == 200);
  CHECK(f.door->counters().turned_away == 0);
}

TEST_CASE("http: a flood of connections leaves no more than twice as many as may be, and then none") {
  http_node f(5, 1, {.connections_max = 8});
  std::vector<std::unique_ptr<http_client>> all;
  size_t most = 0;
  for (int i = 0; i < 60; ++i) {
    all.push_back(f.client());
    most = std::max(most, f.door->connections());
  }
  CHECK(most <= 16);
  CHECK(all.back()->ask("/healthz")->status == 200);
  all.clear();
  CHECK(all_gone(f, base::seconds(70)));
}

TEST_CASE("http: where no memory is left for an answer it says so") {
  http_node f(6);
  const size_t left = f.door->memory().limit() - f.door->memory().used();
  REQUIRE(f.door->memory().try_take(left - 8192));
  const auto c = f.client();
  CHECK(c->ask("/metrics")->status == 503);
  CHECK(c->ask("/healthz")->status == 200);
  f.door->memory().give_back(left - 8192);
  CHECK(c->ask("/metrics")->status == 200);
}

TEST_CASE("http: a crash takes its connections along wherever they stand") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    kafka::test::kafka_node k(seed, 2);
    node_view view{.version = "1", .cores = {}, .topics = k.b.catalogs[0].get()};
    for (unsigned i = 0; i < 2; ++i) {
      view.cores.push_back({&k.b.n.core(i), k.b.brokers[i].get(), k.b.groups[i].get(), &k.at(i)});
    }
    auto door = std::make_unique<http::door>(k.b.n.core(), std::move(view), door_options{});
    REQUIRE(door->open({.host = "0.0.0.0", .port = http_node::port, .shared = false}));
    http_client asks(k.b.w, k.b.n.address(), http_node::port);
    const http_client idle(k.b.w, k.b.n.address(), http_node::port);
    asks.send(http_client::get("/metrics"));
    k.b.w.run_for(base::microseconds(static_cast<int64_t>(seed * 30)));
    k.b.w.crash(k.b.n);
    door->abandon();
    door.reset();
  }
}

}  // namespace millrace::api::http
