#include "../../api/http_client.hh"
#include "story.hh"

/// /metrics and /healthz beside a broker that has trouble: neither keeps the other from going on.

namespace millrace::swarm {

namespace {

using api::http::test::http_answer;
using api::http::test::http_client;

story_options with_http() {
  story_options o;
  o.server.http = api::http::door_options{};
  return o;
}

std::unique_ptr<http_client> browser(story& f) {
  return std::make_unique<http_client>(f.world, f.server.node().address(), http_port);
}

bool whole(const std::optional<http_answer>& got) {
  return got && got->status == 200 && got->body.find("millrace_ready 1\n") != std::string::npos &&
         got->body.ends_with("millrace_partitions_not_shown 0\n");
}

}  // namespace

TEST_CASE("http: a scrape waits for a core that is busy; health does not, nor do other cores' clients") {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    story f(seed, with_http());
    for (int32_t p = 0; p < 2; ++p) f.server.pin("t", p, static_cast<unsigned>(p));
    f.start(2);
    REQUIRE(f.create("t", 2) == none);
    f.keep("t", 0, 1000);
    f.keep("t", 1, 1000);
    const auto scrape = browser(f);
    const auto health = browser(f);
    f.world.pause(f.server.node(), 1, base::seconds(3));
    scrape->send(http_client::get("/metrics"));
    for (int i = 0; i < 10; ++i) {
      health->send(http_client::get("/healthz"));
      const auto got = health->receive(base::milliseconds(200));
      REQUIRE(got);
      CHECK(got->status == 200);
    }
    CHECK_FALSE(scrape->receive(base::milliseconds(500)));
    CHECK(whole(scrape->receive(base::seconds(10))));
    CHECK(whole(scrape->ask("/metrics")));
    f.audit();
    f.stop();
  }
}

TEST_CASE("http: crashes and stops in the middle of scrapes, and scrapes as soon as there is a process") {
  unsigned cut_off = 0;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    story f(seed, with_http());
    f.start(2);
    REQUIRE(f.create("t", 3) == none);
    for (int round = 0; round < 4; ++round) {
      for (int i = 0; i < 5; ++i) f.keep("t", i % 3, 3000);
      const auto scrape = browser(f);
      const auto idle = browser(f);
      std::string many;
      for (int i = 0; i < 5; ++i) many += http_client::get("/metrics");
      scrape->send(many);
      f.world.run_for(base::microseconds(static_cast<int64_t>(37 * seed) * (1 + round)));
      if (round % 2 == 0) {
        f.cut();
      } else {
        f.stop();
      }
      unsigned answered = 0;
      while (scrape->receive(base::seconds(1))) ++answered;
      if (answered < 5) ++cut_off;
      f.start(round % 2 == 0 ? 1 : 2);
      const auto again = browser(f);
      CHECK(whole(again->ask("/metrics")));
    }
    f.audit();
    f.goes_on();
    f.stop();
  }
  CHECK(cut_off > 10);
}

TEST_CASE("http: those who ask and never read are closed, and nobody else notices") {
  story f(3, with_http());
  f.start();
  REQUIRE(f.create("t", 2) == none);
  std::vector<std::unique_ptr<http_client>> rude;
  std::string many;
  for (int i = 0; i < 200; ++i) many += http_client::get("/metrics");
  for (int i = 0; i < 40; ++i) {
    rude.push_back(browser(f));
    rude.back()->send(many);
  }
  size_t most = 0;
  base::duration longest{};
  for (int i = 0; i < 60; ++i) {
    const base::instant since = f.world.now();
    f.keep("t", i % 2, 20'000);
    longest = std::max(longest, f.world.now() - since);
    most = std::max(most, f.server.http()->memory().used());
    f.world.run_for(base::milliseconds(250));
  }
  CHECK(most > 0);
  CHECK(most <= f.server.http()->memory().limit());
  CHECK(longest < base::seconds(1));
  CHECK(f.server.http()->counters().timed_out > 0);
  const auto honest = browser(f);
  CHECK(whole(honest->ask("/metrics")));
  f.audit();
  f.goes_on();
  f.stop();
}

}  // namespace millrace::swarm
