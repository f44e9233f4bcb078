#include <algorithm>
#include <functional>

#include "story.hh"

/// A crash after the n-th operation of the disk, for every n of a chapter: a roll, a pass of the destager, a whole lap of
/// the commit log. The chapter is played again and again by the same seed, a step further each time.

namespace millrace::swarm {
namespace {

struct chapter {
  std::function<bool(const story&)> begins;  ///< from here on operations are counted
  std::function<bool(const story&)> ends;    ///< asked once it has begun
  run_options work;
  int32_t partitions = 3;
};

run_options work_of(unsigned requests, size_t value_most, size_t big_most) {
  run_options o;
  o.requests = requests;
  o.in_flight = 3;
  o.value_most = value_most;
  o.big = 0.3;
  o.big_most = big_most;
  o.retries = true;
  return o;
}

/// False where the chapter was over before so many operations.
bool crash_after(uint64_t steps, const chapter& c) {
  CAPTURE(steps);
  story f(77);
  f.start();
  REQUIRE(f.create("t", c.partitions) == none);
  f.hire(2, c.work);
  REQUIRE(f.run_until([&] { return c.begins(f); }));
  const uint64_t first = f.operations();
  bool over = false;
  REQUIRE(f.run_until([&] {
    over = c.ends(f);
    return over || f.operations() >= first + steps;
  }));
  if (over && f.operations() < first + steps) return false;
  const auto crash = [&] { steps % 3 == 2 ? f.kill() : f.cut(); };
  crash();
  if (steps % 4 == 3) {
    // Once more, while it recovers.
    f.server.start(1);
    const uint64_t again = f.operations();
    (void)f.run_until([&] { return f.server.state() != server_state::starting || f.operations() >= again + steps % 29; });
    crash();
  }
  f.start(1 + static_cast<unsigned>(steps % 2));
  f.finish();
  f.audit();
  f.goes_on();
  f.stop();
  f.start();
  f.audit();
  return true;
}

/// How many steps the chapter has.
uint64_t crash_at_every_step(const chapter& c) {
  uint64_t steps = 0;
  while (crash_after(steps, c)) ++steps;
  MESSAGE(steps, " steps");
  return steps;
}

storage::storage_counters now(const story& f) { return f.server.storage_now(0); }

/// The power goes after so many operations of a start on fewer cores, and of each name that was changed since it was last
/// synced some are kept. False where it served before.
bool cut_in_smaller_start(uint64_t steps, uint64_t seed) {
  CAPTURE(steps);
  CAPTURE(seed);
  story f(seed);
  for (int32_t p = 0; p < 2; ++p) f.server.pin("t", p, static_cast<unsigned>(p));
  f.start(2);
  REQUIRE(f.create("t", 2) == none);
  for (int32_t p = 0; p < 2; ++p) f.keep("t", p, 3000);
  f.cut();
  f.server.start(1);
  const uint64_t first = f.operations();
  const auto serves = [&] { return f.server.state() != server_state::starting; };
  REQUIRE(f.run_until([&] { return serves() || f.operations() >= first + steps; }));
  // What a start leaves to be removed goes while it serves.
  if (serves()) (void)f.world.run_until([&] { return f.operations() >= first + steps; }, base::seconds(1));
  if (f.operations() < first + steps) return false;
  f.cut(0.5);
  f.start(2);
  f.audit();
  f.goes_on();
  return true;
}

}  // namespace

TEST_CASE("every step: of a start on fewer cores") {
  uint64_t most = 0;
  for (uint64_t seed = 100; seed < 108; ++seed) {
    uint64_t steps = 1;
    while (cut_in_smaller_start(steps, seed)) ++steps;
    most = std::max(most, steps);
  }
  CHECK(most > 20);
}

TEST_CASE("every step: of a roll, from the batch that does not fit to the checkpoint behind the segment's close") {
  // After the indexes have their names come the sync of these, the cut and its sync; a checkpoint comes later.
  uint64_t before = 0;
  const chapter roll{.begins = [](const story& f) { return now(f).rolls > 0; },
                     .ends =
                         [&before](const story& f) {
                           const bool named =
                               const_cast<story&>(f).disk().exists("/data/t-0/00000000000000000000.timeindex");
                           if (!named) before = now(f).checkpoints;
                           return named && now(f).checkpoints > before;
                         },
                     .work = work_of(250, 1500, 12 << 10),
                     .partitions = 1};
  CHECK(crash_at_every_step(roll) >= 8);
}

TEST_CASE("every step: of destaging, from the first write to the checkpoint") {
  const chapter pass{.begins = [](const story& f) { return now(f).writing_bytes > 0 && now(f).checkpoints > 1; },
                     .ends = [](const story& f) { return now(f).checkpoints > 2; },
                     .work = work_of(60, 3000, 20 << 10)};
  CHECK(crash_at_every_step(pass) >= 8);
}

TEST_CASE("every step: of a lap of the commit log") {
  const uint64_t lap = 256 << 10;
  const chapter whole{.begins = [=](const story& f) { return now(f).group_bytes > lap / 2; },
                      .ends = [=](const story& f) { return now(f).group_bytes > lap / 2 + lap; },
                      .work = work_of(200, 600, 20 << 10)};
  CHECK(crash_at_every_step(whole) >= 50);
}

}  // namespace millrace::swarm
