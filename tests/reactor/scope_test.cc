#include "reactor/scope.hh"

#include <vector>

#include "reactor/wait.hh"
#include "support.hh"

namespace millrace::reactor {
namespace {

task<void> note(std::vector<int>& seen, int value) {
  seen.push_back(value);
  co_return;
}

task<void> wait_then_note(wait_list& list, std::vector<int>& seen, int value) {
  co_await list.wait();
  seen.push_back(value);
}

task<void> close_and_note(scope& tasks, std::vector<int>& seen, int value) {
  co_await tasks.close();
  seen.push_back(value);
}

task<void> sleep_some(core& on, base::duration length) { co_await sleep(on, length); }

TEST_CASE("scope: spawned tasks start from the ready queue, in order") {
  auto world = test::one_core();
  core& on = world->on();
  std::vector<int> seen;
  scope tasks(on);
  for (int i = 0; i < 3; ++i) tasks.spawn(note(seen, i));
  CHECK(seen.empty());
  CHECK(tasks.running() == 3);
  on.turn(base::duration{});
  CHECK(seen == std::vector<int>{0, 1, 2});
  CHECK(tasks.running() == 0);
}

TEST_CASE("scope: close waits for the last task and refuses new ones") {
  auto world = test::one_core();
  core& on = world->on();
  std::vector<int> seen;
  wait_list list(on);
  scope tasks(on);
  scope outer(on);
  tasks.spawn(wait_then_note(list, seen, 1));
  tasks.spawn(wait_then_note(list, seen, 2));
  outer.spawn(close_and_note(tasks, seen, 9));
  on.turn(base::duration{});
  CHECK(tasks.closing());
  tasks.spawn(note(seen, 100));
  CHECK(tasks.running() == 2);
  list.wake_one();
  on.turn(base::duration{});
  CHECK(seen == std::vector<int>{1});
  list.wake_all();
  on.turn(base::duration{});
  on.turn(base::duration{});
  CHECK(seen == std::vector<int>{1, 2, 9});
  CHECK(outer.running() == 0);
}

TEST_CASE("scope: abandon destroys frames where they stand") {
  auto world = test::one_core();
  core& on = world->on();
  std::vector<int> seen;
  wait_list list(on);
  scope tasks(on);
  tasks.spawn(wait_then_note(list, seen, 1));
  on.turn(base::duration{});
  tasks.spawn(wait_then_note(list, seen, 2));  // not started
  tasks.abandon();
  CHECK(list.empty());
  CHECK(tasks.running() == 0);
  on.turn(base::duration{});
  CHECK(seen.empty());
}

TEST_CASE("wait: a sleeper sleeps at least as long as asked, and not much longer") {
  auto world = test::one_core();
  core& on = world->on();
  on.turn(base::duration{});
  const base::instant begin = world->effects().clock();
  world->run(sleep_some(on, base::milliseconds(20)));
  const base::duration slept = world->effects().clock() - begin;
  CHECK(slept >= base::milliseconds(20));
  CHECK(slept < base::seconds(2));
}

TEST_CASE("core: a hook asked for twice runs once, at the end of the turn") {
  auto world = test::one_core();
  core& on = world->on();
  struct hook final : turn_end_hook {
    int runs = 0;
    void at_turn_end() override { ++runs; }
  };
  hook h;
  on.at_turn_end(h);
  on.at_turn_end(h);
  on.turn(base::duration{});
  CHECK(h.runs == 1);
  on.turn(base::duration{});
  CHECK(h.runs == 1);
}

TEST_CASE("core: an item that asks for the next turn lets a poll come between") {
  auto world = test::one_core();
  core& on = world->on();
  struct again final : ready_item {
    int runs = 0;
    void run(core& c) override {
      ++runs;
      c.make_ready_next_turn(*this);
    }
  };
  again item;
  on.make_ready(item);
  for (int turn = 1; turn <= 5; ++turn) {
    on.turn(base::duration{});
    CHECK(item.runs == turn);
  }
}

}  // namespace
}  // namespace millrace::reactor
