#include "reactor/timer_wheel.hh"

#include <algorithm>
#include <memory>
#include <vector>

#include "base/prng.hh"
#include "support.hh"

namespace millrace::reactor {
namespace {

struct plain_timer final : timer {
  int64_t due = 0;  // ms, rounded up; what the oracle believes
  void run(core&) override {}
};

int64_t up(base::instant t) { return (t.ns + 999999) / 1000000; }

TEST_CASE("timer wheel: fires never early, in order of tick, as a sorted list would") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    base::prng random(seed);
    base::instant now{static_cast<int64_t>(random.below(uint64_t{1} << 45))};
    timer_wheel wheel(now);
    std::vector<std::unique_ptr<plain_timer>> timers;
    for (int i = 0; i < 200; ++i) timers.push_back(std::make_unique<plain_timer>());
    for (int step = 0; step < 2000; ++step) {
      plain_timer& t = *timers[random.below(timers.size())];
      if (random.chance(0.2)) {
        wheel.disarm(t);
      } else {
        const uint64_t far = uint64_t{1} << random.below(44);
        const base::instant deadline = now + base::duration{static_cast<int64_t>(random.below(far))};
        wheel.arm(t, deadline);
        t.due = up(deadline);
        REQUIRE(t.deadline() == deadline);
      }
      if (!random.chance(0.3)) continue;
      // The bound is never past the first deadline.
      int64_t first = INT64_MAX;
      for (const auto& each : timers) {
        if (each->armed()) first = std::min(first, each->due);
      }
      const base::instant next = wheel.next_deadline();
      if (first == INT64_MAX) {
        REQUIRE(next == base::instant::never());
      } else {
        REQUIRE(next.ns / 1000000 <= std::max(first, now.ns / 1000000));
      }
      now = now + base::duration{static_cast<int64_t>(random.below(uint64_t{1} << random.below(43)))};
      std::vector<plain_timer*> want;
      for (const auto& each : timers) {
        if (each->armed() && each->due <= now.ns / 1000000) want.push_back(each.get());
      }
      ready_list ready;
      wheel.advance(now, ready);
      std::vector<plain_timer*> got;
      int64_t last = 0;
      bool sorted = true;
      while (!ready.empty()) {
        auto& fired = static_cast<plain_timer&>(ready.pop_front());
        // Those that were overdue when they were armed come first, whatever their tick.
        sorted = sorted && fired.due >= std::min(last, now.ns / 1000000);
        got.push_back(&fired);
      }
      std::sort(want.begin(), want.end());
      std::sort(got.begin(), got.end());
      REQUIRE(got == want);
    }
    wheel.clear();
    REQUIRE(wheel.next_deadline() == base::instant::never());
  }
}

TEST_CASE("timer wheel: edges of slots and levels") {
  const int64_t edges[] = {0, 1, 62, 63, 64, 65, 127, 128, 4095, 4096, 4097, 262143, 262144, 16777216, 1073741824};
  for (const int64_t start : edges) {
    for (const int64_t length : edges) {
      CAPTURE(start);
      CAPTURE(length);
      const base::instant now = base::instant{} + base::milliseconds(start);
      timer_wheel wheel(now);
      plain_timer t;
      wheel.arm(t, now + base::milliseconds(length));
      ready_list ready;
      if (length > 0) {
        wheel.advance(now + base::milliseconds(length - 1), ready);
        REQUIRE(ready.empty());
      }
      wheel.advance(now + base::milliseconds(length), ready);
      REQUIRE_FALSE(ready.empty());
    }
  }
}

TEST_CASE("timer wheel: timers of different ticks come out in order of tick") {
  timer_wheel wheel(base::instant{});
  base::prng random(7);
  std::vector<std::unique_ptr<plain_timer>> timers;
  for (int i = 0; i < 500; ++i) {
    timers.push_back(std::make_unique<plain_timer>());
    const base::instant deadline = base::instant{} + base::milliseconds(random.between(1, 300000));
    wheel.arm(*timers.back(), deadline);
    timers.back()->due = up(deadline);
  }
  ready_list ready;
  wheel.advance(base::instant{} + base::seconds(400), ready);
  int64_t last = 0;
  int count = 0;
  while (!ready.empty()) {
    const int64_t due = static_cast<plain_timer&>(ready.pop_front()).due;
    CHECK(due >= last);
    last = due;
    ++count;
  }
  CHECK(count == 500);
}

TEST_CASE(
    "timer wheel: re-arming moves, also a timer that expired and did not run; a deadline of never "
    "is far") {
  timer_wheel wheel(base::instant{});
  plain_timer t;
  ready_list ready;
  wheel.arm(t, base::instant{} + base::milliseconds(5));
  wheel.advance(base::instant{} + base::milliseconds(5), ready);
  CHECK_FALSE(ready.empty());
  wheel.arm(t, base::instant{} + base::milliseconds(50));
  CHECK(ready.empty());
  wheel.advance(base::instant{} + base::milliseconds(49), ready);
  CHECK(ready.empty());
  wheel.arm(t, base::instant::never());
  wheel.advance(base::instant{} + base::seconds(100000), ready);
  CHECK(ready.empty());
  CHECK(t.armed());
  wheel.disarm(t);
  CHECK(wheel.next_deadline() == base::instant::never());
}

}  // namespace
}  // namespace millrace::reactor
