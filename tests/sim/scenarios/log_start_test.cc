#include <algorithm>

#include "story.hh"

/// A log start that rises, and the segments below it that leave: for the pool of their core, or for good.

namespace millrace::swarm {
namespace {

constexpr size_t batch_bytes = 300'000;  ///< three fit in a segment
constexpr int64_t batches_a_segment = 3;
constexpr int64_t batches = 8;

bool has_segment(story& f, int64_t base) { return f.disk().exists(segment_path("t", 0, base)); }

/// A partition with two closed segments and a third one.
void fill(story& f) {
  for (int64_t i = 0; i < batches; ++i) REQUIRE(f.keep("t", 0, batch_bytes) == i);
  f.world.run_for(base::milliseconds(200));
  for (int64_t base = 0; base < batches; base += batches_a_segment) REQUIRE(has_segment(f, base));
}

/// Segments that lie wholly below the log's start are gone, and no other.
void check_segments(story& f) {
  const int64_t start = f.start_of("t", 0);
  for (int64_t base = 0; base + batches_a_segment < batches; base += batches_a_segment) {
    CAPTURE(base);
    CHECK(has_segment(f, base) == (start < base + batches_a_segment));
  }
}

struct plan {
  int64_t before = 0;       ///< what is deleted
  uint64_t pool_bytes = 0;  ///< of the pool
};

/// A crash after so many operations of the disk. False where all was over before.
bool crash_after(uint64_t steps, const plan& p) {
  CAPTURE(steps);
  story_options o;
  o.server.pool.bytes_max = p.pool_bytes;
  story f(91 + steps % 7, o);
  f.start();
  REQUIRE(f.create("t") == none);
  fill(f);
  const uint64_t first = f.operations();
  const story::offer& deletion = f.send_deletion("t", 0, p.before);
  const bool reached = f.world.run_until([&] { return f.operations() >= first + steps; }, base::milliseconds(500));
  const bool answered = deletion.answered();
  if (!reached) {
    REQUIRE(answered);
    check_segments(f);
    return false;
  }
  const int way = static_cast<int>(steps % 3);
  way == 2 ? f.kill() : f.cut(way == 1 ? 0.5 : -1);
  f.start(1 + static_cast<unsigned>(steps % 2));
  const int64_t start = f.start_of("t", 0);
  CHECK((start == 0 || start == p.before));
  if (answered) CHECK(start == p.before);
  f.audit();
  f.world.run_for(base::milliseconds(200));
  check_segments(f);
  f.goes_on();
  // What left serves another one.
  REQUIRE(f.create("next") == none);
  for (int i = 0; i < 8; ++i) f.keep("next", 0, batch_bytes);
  f.cut();
  f.start();
  f.audit();
  f.stop();
  return true;
}

/// The same while retention seals an active segment that is too old, and lets it go.
bool crash_in_retention(uint64_t steps) {
  CAPTURE(steps);
  story_options o;
  o.server.retention.check_interval = base::milliseconds(100);
  story f(191 + steps % 7, o);
  f.start();
  REQUIRE(f.create("t", 1, 1 << 20, {.ms = 2000}) == none);
  f.keep("t", 0, batch_bytes);
  f.world.run_for(base::milliseconds(500));
  const uint64_t first = f.operations();
  const bool reached = f.world.run_until([&] { return f.operations() >= first + steps; }, base::seconds(4));
  if (reached) {
    const int way = static_cast<int>(steps % 3);
    way == 2 ? f.kill() : f.cut(way == 1 ? 0.5 : -1);
    f.start(1 + static_cast<unsigned>(steps % 2));
    f.audit();
    f.world.run_for(base::seconds(4));
  }
  CHECK(f.start_of("t", 0) == 1);
  CHECK(!has_segment(f, 0));
  f.goes_on();
  f.stop();
  f.start();
  f.audit();
  return reached;
}

template <class Crash>
uint64_t crash_at_every_step(Crash&& crash) {
  uint64_t steps = 1;
  while (crash(steps)) ++steps;
  MESSAGE(steps, " steps");
  return steps;
}
uint64_t crash_at_every_step(const plan& p) {
  return crash_at_every_step([&](uint64_t steps) { return crash_after(steps, p); });
}

}  // namespace

TEST_CASE("every step: of a log start that rises into a batch, and two segments that leave for the pool") {
  CHECK(crash_at_every_step({.before = 7, .pool_bytes = 64 << 20}) >= 10);
}

TEST_CASE("every step: of a log start that rises to a segment's begin, and its segments that leave for good") {
  CHECK(crash_at_every_step({.before = 6, .pool_bytes = 0}) >= 8);
}

TEST_CASE("every step: of everything that is deleted") {
  CHECK(crash_at_every_step({.before = batches, .pool_bytes = 64 << 20}) >= 10);
}

TEST_CASE("every step: of an active segment that retention seals and lets go") {
  CHECK(crash_at_every_step(crash_in_retention) >= 5);
}

TEST_CASE("log start: a deletion whose checkpoint cannot be written is refused, and nothing is missed afterwards") {
  story f(95);
  f.start();
  REQUIRE(f.create("t") == none);
  fill(f);
  f.disk().add_rule({.kind = reactor::op_kind::write, .path_part = ".checkpoint"});
  const story::offer& deletion = f.send_deletion("t", 0, 7);
  REQUIRE(f.run_until([&] { return deletion.answered(); }));
  CHECK(deletion.task->take().code == kafka_storage_error);
  CHECK(f.start_of("t", 0) == 0);
  check_segments(f);
  f.audit();
  f.outlive_a_cut();
}

}  // namespace millrace::swarm
