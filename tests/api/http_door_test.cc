#include <doctest/doctest.h>

#include "http_node.hh"

/// Requests and answers over HTTP, from clients that know how.

namespace millrace::api::http {
namespace {

using namespace test;

std::string repeated(const std::string& text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("http: /healthz says how far the broker is") {
  http_node f(1);
  const auto c = f.client();
  struct row {
    node_state state;
    int status;
    const char* text;
  };
  const row rows[] = {{node_state::starting, 503, "starting\n"},
                      {node_state::serving, 200, "serving\n"},
                      {node_state::stopping, 503, "stopping\n"}};
  for (const row& r : rows) {
    CAPTURE(r.text);
    f.door->view().state = r.state;
    const auto got = c->ask("/healthz");
    REQUIRE(got);
    CHECK(got->status == r.status);
    CHECK(got->body == r.text);
  }
  CHECK(f.door->counters().accepted == 1);
  CHECK(f.door->counters().requests == 3);
}

TEST_CASE("http: what is not there, and what may only be read") {
  http_node f(2);
  const auto c = f.client();
  CHECK(c->ask("/")->status == 404);
  CHECK(c->ask("/metrics/")->status == 404);
  CHECK(c->ask("/healthz?verbose")->status == 200);
  c->send("POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
  const auto refused = c->receive();
  REQUIRE(refused);
  CHECK(refused->status == 405);
  CHECK(refused->fields.at("Allow") == "GET, HEAD");
  // The body was passed over, and the connection goes on.
  CHECK(c->ask("/healthz")->status == 200);
  for (const char* path : {"/healthz", "/metrics"}) {
    c->send(std::string("HEAD ") + path + " HTTP/1.1\r\nHost: h\r\n\r\n");
    const auto head = c->receive(base::seconds(30), true);
    REQUIRE(head);
    CHECK(head->status == 200);
  }
  CHECK(c->ask("/healthz")->body == "serving\n");
}

TEST_CASE("http: pipelined requests are answered in order, however their bytes are cut") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    http_node f(seed);
    const auto c = f.client();
    std::string all;
    for (int i = 0; i < 20; ++i) all += http_client::get(i % 3 == 0 ? "/metrics" : i % 3 == 1 ? "/healthz" : "/none");
    c->send(all + "\r\n");
    for (int i = 0; i < 20; ++i) {
      CAPTURE(i);
      const auto got = c->receive();
      REQUIRE(got);
      CHECK(got->status == (i % 3 == 2 ? 404 : 200));
      CHECK((got->body.find("millrace_ready 1\n") != std::string::npos) == (i % 3 == 0));
    }
    // A byte at a time.
    for (const char byte : http_client::get("/healthz")) c->send_now(std::string(1, byte));
    CHECK(c->receive()->status == 200);
    CHECK(f.door->connections() == 1);
  }
}

TEST_CASE("http: what is not understood is refused, and ends the connection") {
  struct row {
    const char* name;
    std::string text;
    int status;
  };
  const row rows[] = {
      {"garbage", "\x16\x03\x01\x02\r\n\r\n", 400},
      {"a Kafka request would", std::string("\0\0\0\x10GET\r\n\r\n", 11), 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"chunks", "POST /metrics HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411},
      {"a body too large", "POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n", 413},
      {"a target too long", "GET /" + repeated("a", 9000) + " HTTP/1.1\r\nHost: h\r\n\r\n", 414},
      {"a line without an end", repeated("a", 9000), 414},
      {"a head too long", "GET / HTTP/1.1\r\nHost: h\r\n" + repeated("A: bbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n", 300), 431},
      {"too many fields", "GET / HTTP/1.1\r\nHost: h\r\n" + repeated("A: b\r\n", 70) + "\r\n", 431},
      {"an unknown method", "BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    http_node f(3);
    const auto c = f.client();
    // Good ones before are answered, what comes behind is not.
    c->send(http_client::get("/healthz") + r.text + http_client::get("/healthz"));
    CHECK(c->receive()->status == 200);
    const auto got = c->receive();
    REQUIRE(got);
    CHECK(got->status == r.status);
    CHECK(got->fields.at("Connection") == "close");
    CHECK_FALSE(c->receive(base::seconds(2)));
    CHECK(c->closes(base::seconds(2)));
    REQUIRE(f.k.b.w.run_until([&] { return f.door->connections() == 0; }, base::seconds(2)));
    CHECK(f.door->memory().used() == 0);
    CHECK(f.door->counters().refused == 1);
  }
}

TEST_CASE("http: a client that wants the end is given it, and one of HTTP/1.0 gets no chunks") {
  http_node f(4);
  auto c = f.client();
  c->send(http_client::get("/metrics", "Connection: close\r\n") + http_client::get("/healthz"));
  auto got = c->receive();
  REQUIRE(got);
  CHECK(got->fields.at("Connection") == "close");
  CHECK(got->body.ends_with("millrace_partitions_not_shown 0\n"));
  CHECK(c->closes(base::seconds(1)));
  CHECK(f.door->counters().requests == 1);

  c = f.client();
  c->send("GET /metrics HTTP/1.0\r\n\r\n");
  got = c->receive();
  REQUIRE(got);
  CHECK_FALSE(got->fields.contains("Transfer-Encoding"));
  CHECK(got->body.ends_with("millrace_partitions_not_shown 0\n"));

  // Whatever it wishes.
  c = f.client();
  c->send("GET /metrics HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  got = c->receive();
  REQUIRE(got);
  CHECK(got->fields.at("Connection") == "close");

  // Who asks first whether to send a body gets the answer, and an end: nobody knows what it does then.
  c = f.client();
  c->send("POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  got = c->receive();
  REQUIRE(got);
  CHECK(got->status == 405);
  CHECK(c->closes(base::seconds(1)));
}

TEST_CASE("http: what comes behind a request that ends the connection does not cost its answer") {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    http_node f(seed);
    const auto c = f.client();
    c->send("GET /healthz HTTP/1.0\r\n\r\n" + repeated("more", 500));
    CHECK(c->receive());
    // It need not wait for that: the other end of the connection is still open then.
    CHECK(c->closes(base::milliseconds(100)));
  }
}

TEST_CASE("http: a stop answers what it has, and closes") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    http_node f(seed, 2);
    const auto idle = f.client();
    const auto begun = f.client();
    const auto asks = f.client();
    begun->send("GET /heal");
    asks->send(http_client::get("/metrics"));
    f.k.b.w.run_for(base::microseconds(static_cast<int64_t>(seed * 40)));
    f.close();
    CHECK(f.door->connections() == 0);
    CHECK(f.door->memory().used() == 0);
    CHECK(idle->closes(base::seconds(1)));
    CHECK(begun->closes(base::seconds(1)));
    CHECK(asks->closes(base::seconds(1)));
  }
}

}  // namespace millrace::api::http
