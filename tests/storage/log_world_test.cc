#include "log_world.hh"

namespace millrace::storage::test {
namespace {

TEST_CASE("log: what is appended is acknowledged and read back") {
  log_world f(1);
  f.boot();
  f.run_some(50);
  CHECK(f.settle());
  f.check_all();
}

TEST_CASE("log: many laps of the commit log and rolls of segments lose nothing") {
  log_world f(2);
  f.boot();
  for (int round = 0; round < 10; ++round) {
    f.run_some(100);
    CHECK(f.settle());
    f.check_all();
  }
  CHECK(f.managers[0]->counters().checkpoints > 2);
  CHECK(f.managers[0]->counters().rolls > 2);
}

TEST_CASE("log: a clean stop needs no redo and keeps everything") {
  for (const uint64_t seed : seeds(3, 7)) {
    CAPTURE(seed);
    log_world f(seed);
    f.boot();
    for (int round = 0; round < 4; ++round) {
      f.run_some(60);
      CHECK(f.settle());
      f.stop();
      f.restart();
      CHECK(f.recovered_clean);
      f.check_all();
    }
  }
}

TEST_CASE("log: a clean stop with appends not yet acknowledged acknowledges them") {
  log_world f(11);
  f.boot();
  f.run_some(60);
  f.stop();
  for (auto& l : f.logs) CHECK(l->acknowledged == l->end);
  f.restart();
  CHECK(f.recovered_clean);
}

TEST_CASE("log: power cuts at any moment keep what was acknowledged") {
  for (const uint64_t seed : seeds(100, 60)) {
    CAPTURE(seed);
    log_world f(seed);
    f.boot();
    for (int round = 0; round < 4; ++round) {
      f.run_some(40);
      f.crash(f.random_crash());
      f.restart();
      f.check_all();
    }
  }
}

TEST_CASE("log: crashes while it recovers cost nothing") {
  for (const uint64_t seed : seeds(200, 40)) {
    CAPTURE(seed);
    log_world f(seed);
    f.boot();
    for (int round = 0; round < 3; ++round) {
      f.run_some(40);
      f.crash(f.random_crash());
      f.restart_with_crashes(static_cast<unsigned>(1 + f.random.below(3)));
      f.check_all();
    }
  }
}

TEST_CASE("log: what two cores wrote is served by one, and by three") {
  for (const uint64_t seed : seeds(300, 20)) {
    CAPTURE(seed);
    log_world f(seed, {.logs = 6, .cores = 2});
    f.boot();
    for (const unsigned cores : {1u, 3u, 2u}) {
      f.run_some(60);
      if (f.random.chance(0.3)) {
        f.stop();
      } else {
        f.crash(f.random_crash());
      }
      f.restart(cores);
      f.check_all();
    }
  }
}

TEST_CASE("log: two hundred logs in tiny memory all go on") {
  for (const uint64_t seed : seeds(400, 4)) {
    CAPTURE(seed);
    log_world f(seed, {.segment_bytes = 200 << 10,
                       .commit_bytes = 4096 + (512 << 10),
                       .big_value = 200 << 10,
                       .logs = 200,
                       .memory = 16 << 20});
    f.boot();
    for (int round = 0; round < 3; ++round) {
      f.run_some(400);
      CHECK(f.settle());
      f.check_all();
      f.crash(f.random_crash());
      f.restart();
    }
  }
}

TEST_CASE("log: batches larger than a group, and than the segment, are whole") {
  for (const uint64_t seed : seeds(500, 4)) {
    CAPTURE(seed);
    log_world f(seed, {.big_value = 6 << 20, .big_chance = 0.3, .logs = 2, .memory = 64 << 20});
    f.boot();
    for (int round = 0; round < 2; ++round) {
      f.run_some(20);
      CHECK(f.settle());
      f.check_all();
      f.run_some(5);
      f.crash(f.random_crash());
      f.restart();
      f.check_all();
    }
  }
}

TEST_CASE("log: in the smallest commit log a batch of any size gets through") {
  // What is too small to be written directly must fit a record of a quarter of the ring.
  log_world f(600, {.commit_bytes = 4096 + (256 << 10), .inline_max = 64 << 10, .logs = 1});
  f.boot();
  for (size_t size = 50000; size < 70000; size += 500) {
    REQUIRE(f.append(*f.logs[0], 1, 10));
    // The two may be more than may wait for a group: then the second one's turn comes when the first has left.
    const auto taken = f.append(*f.logs[0], 1, size);
    if (!taken) {
      REQUIRE(taken.error().code == base::errc::busy);
      REQUIRE(f.settle());
      REQUIRE(f.append(*f.logs[0], 1, size));
    }
    REQUIRE(f.settle());
  }
  f.check_all();
}

TEST_CASE("log: any setting, any end, the same promise") {
  for (const uint64_t seed : seeds(1000, 300)) {
    CAPTURE(seed);
    base::prng draw(seed);
    world_setup o;
    o.segment_bytes = (32u << 10) << draw.below(6);
    o.commit_bytes = 4096 + ((256u << 10) << draw.below(3));
    o.inline_max = 2048u << draw.below(6);
    o.groups_in_flight = static_cast<unsigned>(1 + seed % 6);
    o.index_interval = draw.chance(0.5) ? 4096 : 100;
    o.big_chance = draw.chance(0.3) ? 0.5 : 0.05;
    o.logs = static_cast<unsigned>(1 + draw.below(8));
    o.memory = (16u << 20) << draw.below(2);
    o.ack_from_memory = draw.chance(0.1);
    o.pool_bytes = draw.chance(0.2) ? 0 : (64u << 10) << draw.below(8);
    o.pool_least = (4u << 10) << draw.below(4);
    o.index_bytes_max = draw.chance(0.3) ? 1 + draw.below(4000) : 0;
    o.read_ahead_bytes_max = draw.chance(0.3) ? 1 + draw.below(1 << 20) : 0;
    o.open_files_max = draw.chance(0.3) ? 1 + draw.below(6) : UINT64_MAX;
    log_world f(seed, o);
    const double short_write = draw.chance(0.3) ? 0.02 : 0;
    f.n.disk().faults.short_write = short_write;
    f.boot();
    unsigned next = o.logs;
    for (int round = 0; round < 3; ++round) {
      f.run_some(static_cast<unsigned>(1 + f.random.below(60)));
      if (f.random.chance(0.3)) CHECK(f.settle());
      if (f.random.chance(0.3)) f.check_all();
      if (f.random.chance(0.5)) {
        model_log& m = f.any_log();
        const auto whole = static_cast<uint64_t>(m.acknowledged - m.start);
        const auto shortened = f.advance(m, m.start + static_cast<int64_t>(f.random.below(whole + 1)));
        if (short_write == 0) CHECK(shortened);
      }
      // One that is made after the commit log has failed takes nothing.
      if (f.random.chance(0.2) && !f.any_offline()) {
        model_log& m = f.any_log();
        if (f.remove(m)) {
          f.drop(m);
          REQUIRE(f.create(f.add_model(next++)));
        }
      }
      if (f.random.chance(0.5)) f.run_some(static_cast<unsigned>(1 + f.random.below(60)));
      const bool clean = f.random.chance(0.3);
      if (clean) {
        // Only a device that fails (two short writes on end are one that does) leaves something behind.
        const auto stopped = f.try_stop();
        if (!f.any_offline()) CHECK(stopped);
      } else {
        f.crash(f.random_crash());
      }
      // Two short writes on end refuse a start, as they should.
      f.n.disk().faults.short_write = 0;
      f.restart_with_crashes(f.random.chance(0.2) ? 1 : 0);
      f.n.disk().faults.short_write = short_write;
      f.check_all();
    }
  }
}

}  // namespace
}  // namespace millrace::storage::test
