#include "sim/sim_clock.hh"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/prng.hh"

using namespace millrace;

namespace {

struct noted final : sim::event {
  noted(std::vector<int>& l, int n) : log(l), name(n) {}
  void fire() override { log.push_back(name); }
  std::vector<int>& log;
  int name;
};

}  // namespace

TEST_CASE("clock: events fire in order of time, then in order of scheduling, however they were put in") {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    base::prng random(seed);
    sim::sim_clock clock;
    std::vector<int> log;
    std::vector<std::unique_ptr<noted>> events;
    std::vector<std::pair<int64_t, int>> want;
    for (int i = 0; i < 200; ++i) {
      events.push_back(std::make_unique<noted>(log, i));
      clock.schedule(*events.back(), {random.between(0, 40)});
    }
    for (int i = 0; i < 200; i += 3) events[static_cast<size_t>(i)]->unschedule();
    for (int i = 0; i < 200; ++i) {
      if (i % 3 != 0) want.push_back({events[static_cast<size_t>(i)]->at().ns, i});
    }
    std::stable_sort(want.begin(), want.end(), [](auto& a, auto& b) { return a.first < b.first; });
    while (clock.next() != base::instant::never()) {
      clock.advance(clock.next());
      clock.fire_due();
    }
    REQUIRE(log.size() == want.size());
    for (size_t i = 0; i < want.size(); ++i) CHECK(log[i] == want[i].second);
  }
}

TEST_CASE("clock: an event may move, be taken out, or die before it fires") {
  sim::sim_clock clock;
  std::vector<int> log;
  noted moved(log, 1);
  noted stays(log, 2);
  {
    noted dies(log, 3);
    clock.schedule(dies, {5});
    clock.schedule(moved, {10});
    clock.schedule(stays, {20});
    clock.schedule(moved, {30});
    CHECK(clock.next() == base::instant{5});
  }
  CHECK(clock.next() == base::instant{20});
  clock.advance({100});
  CHECK(clock.fire_due() == 2);
  CHECK(log == std::vector<int>{2, 1});
  clock.advance({50});
  CHECK(clock.now() == base::instant{100});
}
