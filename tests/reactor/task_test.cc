#include "reactor/task.hh"

#include <cstring>
#include <ctime>
#include <set>

#include "reactor/wait.hh"
#include "support.hh"

namespace millrace::reactor {
namespace {

task<int> number(int value) { co_return value; }

task<int64_t> sum_of_ready(int count) {
  int64_t sum = 0;
  for (int i = 0; i < count; ++i) {
    const int one = co_await number(i);
    sum += one;
  }
  co_return sum;
}

task<int64_t> sum_of_suspended(core& on, int count) {
  int64_t sum = 0;
  for (int i = 0; i < count; ++i) {
    co_await next_turn(on);
    const int one = co_await number(1);
    sum += one;
  }
  co_return sum;
}

task<int> suspended_once(core& on, int value) {
  co_await next_turn(on);
  co_return value;
}

task<int> nested(core& on, int depth) {
  if (depth == 0) {
    co_await next_turn(on);
    co_return 0;
  }
  const int below = co_await nested(on, depth - 1);
  co_return below + 1;
}

struct noted {
  explicit noted(int& count) : count_(count) { ++count_; }
  noted(const noted&) = delete;
  ~noted() { --count_; }
  int& count_;
};

task<void> holds(core& on, wait_list& list, int& alive) {
  (void)on;
  const noted here(alive);
  co_await list.wait();
}

TEST_CASE("task: nothing runs before it is awaited, and a dropped task never runs") {
  int alive = 0;
  auto world = test::one_core();
  wait_list list(world->on());
  {
    const task<void> dropped = holds(world->on(), list, alive);
    CHECK(dropped.valid());
    CHECK_FALSE(dropped.done());
  }
  CHECK(alive == 0);
  CHECK(list.empty());
}

TEST_CASE("task: a loop of tasks that end at once does not grow the stack") {
  auto world = test::one_core();
  const int64_t sum = world->run(sum_of_ready(1000000));
  CHECK(sum == int64_t{999999} * 1000000 / 2);
}

TEST_CASE("task: wake-ups go through the ready queue, results come back through nested frames") {
  auto world = test::one_core();
  CHECK(world->run(sum_of_suspended(world->on(), 1000)) == 1000);
  CHECK(world->run(suspended_once(world->on(), 7)) == 7);
  CHECK(world->run(nested(world->on(), 200)) == 200);
}

TEST_CASE("task: destroying a suspended frame destroys its locals and takes its waiter out of the list") {
  auto world = test::one_core();
  wait_list list(world->on());
  int alive = 0;
  {
    const task<void> waiting = holds(world->on(), list, alive);
    waiting.root().resume();
    CHECK(alive == 1);
    CHECK_FALSE(list.empty());
  }
  CHECK(alive == 0);
  CHECK(list.empty());
}

TEST_CASE("frame pool: frames of all sizes are distinct, aligned and hold what is written") {
  std::set<void*> seen;
  const size_t sizes[] = {1, 63, 64, 65, 500, 2047, 2048, 2049, 10000};
  for (const size_t size : sizes) {
    CAPTURE(size);
    void* const first = frame_pool::take(size);
    void* const second = frame_pool::take(size);
    CHECK(first != second);
    CHECK(reinterpret_cast<uintptr_t>(first) % alignof(std::max_align_t) == 0);
    std::memset(first, 0xab, size);
    std::memset(second, 0xcd, size);
    CHECK(static_cast<uint8_t*>(first)[size - 1] == 0xab);
    frame_pool::give_back(first, size);
    frame_pool::give_back(second, size);
  }
}

task<void> spin_turns(core& on, int count) {
  for (int i = 0; i < count; ++i) {
    yielder again(on);
    co_await again;
  }
}

/// Time of this thread on a processor: others share the machine.
double cpu_ns() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
}

TEST_CASE("core: what a ready item costs, printed") {
  auto world = test::one_core();
  constexpr int items = 1000000;
  struct chain final : ready_item {
    int left = items;
    void run(core& on) override {
      if (--left > 0) on.make_ready(*this);
    }
  };
  chain work;
  core& on = world->on();
  on.make_ready(work);
  const double begin = cpu_ns();
  while (work.left > 0) on.turn(base::duration{});
  MESSAGE("a ready item: ", (cpu_ns() - begin) / items, " ns");
  const double turns_begin = cpu_ns();
  world->run(spin_turns(on, 100000));
  MESSAGE("a turn with one item: ", (cpu_ns() - turns_begin) / 100000, " ns");
  CHECK(on.counters().items_run >= items);
}

}  // namespace
}  // namespace millrace::reactor
