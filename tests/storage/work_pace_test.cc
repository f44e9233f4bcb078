#include <doctest/doctest.h>

#include "reactor/wait.hh"
#include "sim/world.hh"
#include "storage/work_pace.hh"

/// Whether work that paces itself keeps to its share, whatever its stretches are like.

namespace millrace::storage {
namespace {

/// Works so long in stretches of a few lengths, where sleeping stands for the work.
reactor::task<void> work(reactor::core& on, pace_options options, base::duration wanted, base::duration* worked,
                         int64_t* bytes) {
  const bool stopped = false;
  work_pace pace(on, options, stopped);
  const base::duration lengths[] = {base::microseconds(20), base::microseconds(300), base::milliseconds(2)};
  for (size_t i = 0; worked->ns < wanted.ns; ++i) {
    const base::instant begin = on.effects().clock();
    pace.begin();
    co_await reactor::sleep(on, lengths[i % 3]);
    pace.end();
    pace.moved(10'000);
    *bytes += 10'000;
    *worked = *worked + (on.effects().clock() - begin);
    if (pace.due()) co_await pace.rest();
  }
}

double share_of_core(pace_options options) {
  sim::world w(1);
  sim::node& n = w.add_node();
  base::duration worked{};
  int64_t bytes = 0;
  const base::instant begin = w.now();
  auto task = w.start(n, 0, work(n.core(), options, base::milliseconds(200), &worked, &bytes));
  REQUIRE(w.run_until([&] { return task->done(); }, base::seconds(600)));
  return static_cast<double>(worked.ns) / static_cast<double>((w.now() - begin).ns);
}

}  // namespace

TEST_CASE("work pace: work takes no more of its core than its share, and nearly all of that") {
  for (const unsigned percent : {1u, 10u, 25u, 50u, 100u}) {
    CAPTURE(percent);
    const double share = share_of_core({.core_percent = percent});
    CHECK(share <= percent / 100.0 + 0.01);
    CHECK(share >= percent / 100.0 * 0.8);
  }
}

TEST_CASE("work pace: bytes a second bound it too") {
  sim::world w(2);
  sim::node& n = w.add_node();
  base::duration worked{};
  int64_t bytes = 0;
  const base::instant begin = w.now();
  const pace_options options{.core_percent = 100, .bytes_per_second = 100'000};
  auto task = w.start(n, 0, work(n.core(), options, base::milliseconds(100), &worked, &bytes));
  REQUIRE(w.run_until([&] { return task->done(); }, base::seconds(6000)));
  const int64_t least_ms = bytes * 1000 / 100'000;
  CHECK((w.now() - begin).ms() >= least_ms * 95 / 100);
  CHECK((w.now() - begin).ms() <= least_ms * 12 / 10);
}

}  // namespace millrace::storage
