#include "sim/world.hh"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "helpers.hh"
#include "reactor/file.hh"

using namespace millrace;
using namespace millrace::sim::test;
using sim::world;

namespace {

task<void> tick(reactor::core& on, int count, int64_t ms) {
  for (int i = 0; i < count; ++i) co_await reactor::sleep(on, base::milliseconds(ms));
}

task<void> churn(reactor::core& on, std::string path, int rounds) {
  const std::vector<uint8_t> bytes = filled(3000, 'c');
  const int64_t handle = co_await open(on, std::move(path));
  for (int i = 0; i < rounds; ++i) {
    const int64_t written = co_await write(on, handle, static_cast<uint64_t>(i) * 3000, bytes, i % 3 == 0);
    ASSERT(written == 3000);
    co_await reactor::next_turn(on);
  }
  co_await on_handle(on, op_kind::close, handle);
}

/// A little of everything on two nodes with two cores, with a crash in the middle.
uint64_t story(uint64_t seed) {
  world w(seed);
  sim::node& a = w.add_node(2);
  sim::node& b = w.add_node(2);
  {
    auto listening = a.backend(1).listen({"0.0.0.0", 9092});
    acceptor doors(a.core(1), listening->handle);
    auto one = w.start(a, 0, churn(a.core(0), "/one", 100));
    auto two = w.start(a, 1, churn(a.core(1), "/two", 100));
    auto three = w.start(b, 1, churn(b.core(1), "/three", 20));
    const int64_t socket = w.run(b, 0, connect(b.core(0), a.address(), 9092));
    w.run(b, 0, send(b.core(0), socket, filled(4000, 's')));
    w.run(b, 0, tick(b.core(0), 20, 7));
    if (!w.run_until([&] { return three->done(); }, base::seconds(10))) return 0;
    w.crash(a);
  }
  w.restart(a, 1);
  w.run(a, 0, churn(a.core(0), "/one", 10));
  w.run_for(base::seconds(1));
  return w.schedule_hash();
}

}  // namespace

TEST_CASE("world: one seed is one schedule, another seed another") {
  std::set<uint64_t> hashes;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const uint64_t hash = story(seed);
    CHECK(hash != 0);
    CHECK(story(seed) == hash);
    hashes.insert(hash);
  }
  CHECK(hashes.size() == 10);
}

TEST_CASE("world: a draw more for a workload shifts no schedule") {
  world w(5);
  base::prng one = w.stream("workload");
  base::prng two = w.stream("workload");
  const uint64_t first = one.next();
  (void)w.stream("other").next();
  CHECK(two.next() == first);
  CHECK(w.stream("other").next() != first);
}

TEST_CASE("world: time passes only when nothing else can happen, and timers keep it") {
  world w(6);
  sim::node& n = w.add_node();
  CHECK(w.wall_clock() == w.options().start);
  run(w, tick(n.core(), 1000, 3000));
  CHECK(w.now() >= base::instant{base::seconds(3000).ns});
  CHECK(w.now() < base::instant{base::seconds(3005).ns});
  CHECK(w.wall_clock() - w.options().start == w.now().ns / 1'000'000);
  n.jump_wall_clock(-5000);
  CHECK(n.backend().wall_clock() == w.wall_clock() - 5000);
  const uint64_t turns = w.turns();
  w.run_for(base::seconds(1'000'000));
  CHECK(w.turns() - turns < 10);
}

TEST_CASE("world: run_until says whether it came to pass") {
  world w(7);
  sim::node& n = w.add_node();
  auto task = w.start(n, 0, tick(n.core(), 1, 500));
  CHECK_FALSE(w.run_until([&] { return task->done(); }, base::milliseconds(400)));
  CHECK(w.now() >= base::instant{base::milliseconds(400).ns});
  CHECK(w.run_until([&] { return task->done(); }, base::milliseconds(200)));
}

TEST_CASE("world: a paused core takes no turn, the others do") {
  world w(8);
  sim::node& n = w.add_node(2);
  w.pause(n, 0, base::seconds(1));
  auto still = w.start(n, 0, tick(n.core(0), 1, 1));
  auto moving = w.start(n, 1, tick(n.core(1), 1, 1));
  REQUIRE(w.run_until([&] { return moving->done(); }, base::milliseconds(100)));
  CHECK_FALSE(still->done());
  CHECK(w.run_until([&] { return still->done(); }, base::seconds(2)));
}

TEST_CASE("world: files of the reactor work in it") {
  world w(9);
  sim::node& n = w.add_node();
  n.disk().make_directories("/data");
  CHECK(run(w, reactor::replace_file(n.core(), "/data/small", "first")).ok());
  CHECK(run(w, reactor::replace_file(n.core(), "/data/small", "second")).ok());
  w.crash(n, {.keep = 0});
  w.restart(n, 1);
  auto text = run(w, reactor::read_file(n.core(), "/data/small", 100));
  REQUIRE(text);
  CHECK(*text == "second");
  CHECK(n.disk().list("/data")->size() == 1);
}

TEST_CASE("world: log lines carry virtual time and node") {
  std::vector<std::string> lines;
  sim::world_options options;
  options.log_self = &lines;
  options.log_sink = [](void* self, std::string_view line) {
    static_cast<std::vector<std::string>*>(self)->emplace_back(line);
  };
  world w(10, options);
  w.add_node();
  sim::node& n = w.add_node();
  w.run_for(base::milliseconds(1500));
  n.core().log().warn("test", "hello");
  n.core().log().debug("test", "too quiet");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with("1.500000 node=1 "));
  CHECK(lines[0].find("hello") != std::string::npos);
}
