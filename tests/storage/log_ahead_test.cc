#include "log_world.hh"

/// Cold reads: what is read before it is asked for.

namespace millrace::storage::test {
namespace {

world_setup cold_setup(uint64_t ahead) {
  return {.segment_bytes = 8 << 20,
          .commit_bytes = 4096 + (4 << 20),
          .inline_max = 64 << 10,
          .logs = 2,
          .memory = size_t{128} << 20,
          .read_ahead_bytes_max = ahead};
}

/// One log with closed segments of 8 MiB, not in memory.
void make_cold(log_world& f, size_t value_bytes, unsigned batches, int records = 1) {
  f.boot();
  for (unsigned i = 0; i < batches; ++i) {
    while (!f.append(*f.logs[0], records, value_bytes)) f.w.run_for(base::milliseconds(1));
  }
  f.run_and_restart(0);
}

/// Reads all of it in order; how many answers it took.
unsigned read_through(log_world& f, model_log& m, uint32_t bytes_max) {
  unsigned answers = 0;
  for (int64_t at = 0; at < m.acknowledged; ++answers) {
    const auto got = f.read(m, at, bytes_max);
    REQUIRE(got);
    REQUIRE(got->bytes > 0);
    at = f.check_answer(m, *got, at);
  }
  return answers;
}

TEST_CASE("read ahead: a reader that goes on finds the next stretches read, whatever the sizes") {
  for (const size_t value : {size_t{900}, size_t{20000}, size_t{300000}, size_t{1500000}}) {
    for (const uint32_t asked : {100u << 10, 1000u << 10, 1024u << 10, 3u << 20}) {
      CAPTURE(value);
      CAPTURE(asked);
      log_world f(1, cold_setup(16 << 20));
      make_cold(f, value, static_cast<unsigned>((20u << 20) / value));
      const unsigned answers = read_through(f, *f.logs[0], asked);
      const storage_counters c = f.managers[0]->counters();
      // Batches of more than a stretch come by themselves.
      if (value < 500000) CHECK(c.ahead_used * 2 > answers);
      CHECK(answers < 30 + (21u << 20) / std::min<uint32_t>(asked, 700 << 10) + (value > 900000 ? 30 : 0));
      CHECK(c.ahead_bytes <= 16u << 20);
    }
  }
}

TEST_CASE("cold reads: who reads on batch by batch has each read once, also where an index knows only the one before") {
  log_world f(4, cold_setup(1));  // nothing is read ahead
  make_cold(f, 99000, 20, 10);
  const uint64_t before = f.n.port().ended();
  const unsigned answers = read_through(f, *f.logs[0], 1 << 20);
  CHECK(answers == 20);
  // Opens and indexes of three segments beside.
  CHECK(f.n.port().ended() - before < 55);
}

TEST_CASE("read ahead: who jumps about causes none") {
  log_world f(2, cold_setup(16 << 20));
  make_cold(f, 20000, 1000);
  for (int i = 0; i < 50; ++i) {
    const int64_t at = 900 - 17 * i;  // never where an answer of some five batches ended
    const auto got = f.read(*f.logs[0], at, 100 << 10);
    REQUIRE(got);
    f.check_answer(*f.logs[0], *got, at);
  }
  CHECK(f.managers[0]->counters().ahead_bytes == 0);
}

TEST_CASE("read ahead: it is given back where memory is short, and stays below its bound") {
  log_world f(3, cold_setup(3 << 20));
  make_cold(f, 20000, 1000);
  int64_t at = 0;
  for (int i = 0; i < 5; ++i) at = f.check_answer(*f.logs[0], *f.read(*f.logs[0], at, 500 << 10), at);
  f.w.run_for(base::milliseconds(100));
  CHECK(f.managers[0]->counters().ahead_bytes > 0);
  CHECK(f.managers[0]->counters().ahead_bytes <= 3u << 20);
  f.managers[0]->make_room(4096);
  CHECK(f.managers[0]->counters().ahead_bytes == 0);
  read_through(f, *f.logs[0], 500 << 10);
}

TEST_CASE("read ahead: a stretch that cannot be read fails nobody who does not need it") {
  log_world f(4, cold_setup(16 << 20));
  make_cold(f, 20000, 1000);
  int64_t at = 0;
  for (int i = 0; i < 2; ++i) at = f.check_answer(*f.logs[0], *f.read(*f.logs[0], at, 500 << 10), at);
  f.w.run_for(base::milliseconds(100));
  // The next of them fails; the reads behind it are done by who asks.
  f.n.disk().add_rule({.kind = reactor::op_kind::read, .path_part = "/topic-0/", .count = 1});
  for (int i = 0; i < 2; ++i) at = f.check_answer(*f.logs[0], *f.read(*f.logs[0], at, 500 << 10), at);
  f.w.run_for(base::milliseconds(100));
  f.n.disk().clear_rules();
  read_through(f, *f.logs[0], 500 << 10);
}

TEST_CASE("read ahead: log starts, removals and crashes in the middle of it") {
  for (const uint64_t seed : seeds(10, 20)) {
    CAPTURE(seed);
    log_world f(seed, cold_setup(8 << 20));
    make_cold(f, 20000, 1000);
    model_log& m = *f.logs[0];
    int64_t at = 0;
    for (int i = 0; i < 3; ++i) at = f.check_answer(m, *f.read(m, at, 500 << 10), at);
    if (f.random.chance(0.3)) REQUIRE(f.advance(m, 500));
    if (f.random.chance(0.3)) {
      REQUIRE(f.remove(m));
      f.drop(m);
    }
    f.w.run_for(base::microseconds(static_cast<int64_t>(f.random.below(300))));
    if (f.random.chance(0.5)) {
      f.crash(f.random_crash());
    } else {
      f.stop();
    }
    f.restart();
    f.check_all();
  }
}

}  // namespace
}  // namespace millrace::storage::test
