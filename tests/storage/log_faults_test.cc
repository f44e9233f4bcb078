#include <cerrno>

#include "log_world.hh"

/// Disks that fail, fill up and are slow: no wrong acknowledgement, nothing acknowledged lost, everything goes on after.

namespace millrace::storage::test {
namespace {

/// Appends into a disk that is too full, until produces are refused.
void fill(log_world& f) {
  unsigned refused = 0;
  for (int i = 0; i < 100 && refused == 0; ++i) {
    refused = f.run_some(30);
    f.w.run_for(base::milliseconds(2));
  }
  CHECK(refused > 0);
}

TEST_CASE("log: a full disk refuses appends, loses nothing, and is tried again each second") {
  for (const uint64_t seed : seeds(2000, 12)) {
    CAPTURE(seed);
    log_world f(seed, {.segment_bytes = 256 << 10, .logs = 3});
    f.boot();
    f.run_some(30);
    CHECK(f.settle());
    f.n.disk().faults.capacity_bytes = f.n.disk().used_bytes() + f.random.below(1 << 20);
    fill(f);
    f.check_all();
    const bool crashed = f.random.chance(0.5);
    f.n.disk().faults.capacity_bytes = uint64_t{16} << 30;
    if (crashed) {
      f.crash(f.random_crash());
      f.restart();
    } else {
      f.w.run_for(base::milliseconds(2500));
    }
    for (auto& l : f.logs) {
      const auto done = f.append(*l);
      CHECK((done || done.error().code == base::errc::busy));
    }
    CHECK(f.run_some(50) == 0);
    CHECK(f.settle());
    CHECK(!f.any_offline());
    f.check_all();
  }
}

TEST_CASE("log: a stop on a full disk is not a clean one, and loses nothing") {
  for (const uint64_t seed : seeds(2100, 8)) {
    CAPTURE(seed);
    log_world f(seed, {.segment_bytes = 256 << 10, .logs = 3});
    f.boot();
    f.n.disk().faults.capacity_bytes = f.n.disk().used_bytes() + 100000;
    fill(f);
    (void)f.try_stop();
    f.n.disk().faults.capacity_bytes = uint64_t{16} << 30;
    f.restart();
    f.check_all();
    CHECK(f.run_some(30) == 0);
    CHECK(f.settle());
  }
}

/// One write fails; which, and of what, is drawn.
void one_write_error(uint64_t seed, const char* path, bool may_go_offline) {
  log_world f(seed);
  f.boot();
  f.run_some(20);
  f.n.disk().add_rule({.kind = reactor::op_kind::write, .path_part = path, .skip = f.random.below(12), .count = 1});
  f.run_some(150);
  CHECK(f.settle());
  if (!may_go_offline) CHECK(!f.any_offline());
  // What was acknowledged is served, by logs that are offline too.
  f.check_all();
  f.n.disk().clear_rules();
  if (f.random.chance(0.5)) {
    const auto stopped = f.try_stop();
    if (!f.any_offline()) CHECK(stopped);
  } else {
    f.crash(f.random_crash());
  }
  f.restart();
  f.check_all();
  CHECK(f.run_some(20) == 0);
  CHECK(f.settle());
}

TEST_CASE("log: a failed write of the commit log acknowledges nothing and loses nothing") {
  for (const uint64_t seed : seeds(2200, 40)) {
    CAPTURE(seed);
    one_write_error(seed, "/commit/0.log", true);
  }
}

TEST_CASE("log: a failed write of a segment takes logs offline and loses nothing") {
  for (const uint64_t seed : seeds(2300, 60)) {
    CAPTURE(seed);
    one_write_error(seed, "/topic-", true);
  }
}

TEST_CASE("log: a failed write of a checkpoint is followed by another, and nobody notices") {
  for (const uint64_t seed : seeds(2400, 20)) {
    CAPTURE(seed);
    one_write_error(seed, ".checkpoint", false);
  }
}

TEST_CASE("log: failed syncs, opens, truncations and allocations lose nothing") {
  using reactor::op_kind;
  for (const op_kind kind :
       {op_kind::sync, op_kind::sync_dir, op_kind::open, op_kind::truncate, op_kind::allocate, op_kind::close}) {
    for (const uint64_t seed : seeds(2500, 10)) {
      CAPTURE(seed);
      CAPTURE(static_cast<int>(kind));
      log_world f(seed, {.segment_bytes = 128 << 10});
      f.boot();
      f.n.disk().add_rule({.kind = kind, .path_part = "/topic-", .skip = f.random.below(6), .count = 1});
      f.run_some(150);
      CHECK(f.settle());
      f.check_all();
      f.n.disk().clear_rules();
      if (f.random.chance(0.5)) {
        (void)f.try_stop();
      } else {
        f.crash(f.random_crash());
      }
      f.restart();
      f.check_all();
    }
  }
}

TEST_CASE("log: a disk that fails at any moment never makes an acknowledgement wrong") {
  for (const uint64_t seed : seeds(2600, 60)) {
    CAPTURE(seed);
    log_world f(seed);
    f.boot();
    f.n.disk().faults.write_error = 0.01;
    f.run_some(100);
    (void)f.settle(base::seconds(5));
    f.n.disk().faults.write_error = 0;
    f.crash(f.random_crash());
    f.restart();
    f.check_all();
  }
}

TEST_CASE("log: a stop after a segment write failed leaves no clean mark over what only the commit log holds") {
  log_world f(2700, {.big_chance = 0, .logs = 2});
  f.boot();
  for (int i = 0; i < 10; ++i) REQUIRE(f.append(*f.logs[0]));
  CHECK(f.settle());
  // The stop itself destages: its first segment write fails.
  f.n.disk().add_rule({.kind = reactor::op_kind::write, .path_part = "/topic-0", .skip = 0, .count = 1});
  CHECK(!f.try_stop());
  f.n.disk().clear_rules();
  f.restart();
  CHECK(!f.recovered_clean);
  CHECK(f.logs[0]->acknowledged == f.logs[0]->end);
  f.check_all();
}

TEST_CASE("log: a slow disk makes it slow, and stop waits for its writes") {
  for (const uint64_t seed : seeds(2800, 6)) {
    CAPTURE(seed);
    log_world f(seed);
    f.boot();
    f.n.disk().add_rule(
        {.kind = reactor::op_kind::write, .error = 0, .delay = base::milliseconds(f.random.chance(0.5) ? 30 : 3000)});
    f.run_some(100);
    if (f.random.chance(0.5)) CHECK(f.settle(base::seconds(600)));
    (void)f.try_stop();
    f.n.disk().clear_rules();
    f.restart();
    f.check_all();
  }
}

TEST_CASE("log: a stop right after the commit log failed waits for groups in flight") {
  for (const uint64_t seed : seeds(2900, 20)) {
    CAPTURE(seed);
    log_world f(seed, {.big_chance = 0});
    f.boot();
    f.run_some(10);
    CHECK(f.settle());
    f.n.disk().add_rule({.kind = reactor::op_kind::write, .path_part = "/commit/0.log", .skip = 0, .count = 1});
    f.n.disk().add_rule(
        {.kind = reactor::op_kind::write, .path_part = "/commit/0.log", .error = 0, .delay = base::milliseconds(50)});
    while (!f.any_offline()) {
      (void)f.append(f.any_log());
      f.w.run_for(base::microseconds(20));
    }
    CHECK(!f.try_stop());
    f.n.disk().clear_rules();
    f.restart();
    f.check_all();
  }
}

TEST_CASE("log: a failed direct write takes its log offline and no other") {
  for (const uint64_t seed : seeds(2980, 8)) {
    CAPTURE(seed);
    log_world f(seed, {.big_chance = 0});
    f.boot();
    model_log& m = *f.logs[0];
    // The file is there, so that the next large append goes to it directly.
    while (f.managers[0]->counters().direct_bytes == 0) {
      REQUIRE(f.append(m, 1, 60000));
      REQUIRE(f.settle());
    }
    const int64_t before = m.acknowledged;
    f.n.disk().add_rule({.kind = reactor::op_kind::write, .path_part = "/topic-0", .count = 1});
    REQUIRE(f.append(m, 1, 60000));
    for (auto& l : f.logs) {
      if (l.get() != &m) REQUIRE(f.append(*l, 1, 500));
    }
    CHECK(f.settle());
    CHECK(m.offline);
    CHECK(m.acknowledged == before);
    for (auto& l : f.logs) CHECK((l->offline == (l.get() == &m)));
    f.run_some(100);
    CHECK(f.settle());
    f.check_all();
    f.crash(f.random_crash());
    f.restart();
    f.check_all();
    CHECK(f.run_some(20) == 0);
    CHECK(f.settle());
  }
}

TEST_CASE("log: where no more files can be open it waits, and nothing goes offline") {
  for (const uint64_t seed : seeds(2960, 12)) {
    CAPTURE(seed);
    log_world f(seed, {.segment_bytes = 128 << 10});
    f.boot();
    f.run_some(20);
    (void)f.settle();
    if (f.random.chance(0.5)) {
      f.stop();
      f.restart();
    }
    f.n.disk().add_rule({.kind = reactor::op_kind::open, .path_part = "/topic-", .error = seed % 2 == 0 ? EMFILE : ENFILE});
    f.run_some(100);
    f.w.run_for(base::milliseconds(500));
    CHECK(!f.any_offline());
    f.n.disk().clear_rules();
    f.w.run_for(base::milliseconds(500));
    CHECK(f.run_some(50) == 0);
    CHECK(f.settle());
    f.check_all();
    f.stop();
    f.restart();
    f.check_all();
  }
}

TEST_CASE("log: a start on a full disk fails and can be tried again") {
  log_world f(2950, {.disk_bytes = 300000});
  CHECK(f.w.run(f.n, 0, claim(f.n.core(), world_dir)));
  {
    log_manager m(f.n.core(), storage_options{world_dir, {f.setup.commit_bytes, f.setup.inline_max}});
    const auto started = f.w.run(f.n, 0, m.start({}, base::leader_epoch(1), true));
    REQUIRE(!started);
    CHECK(started.error().code == base::errc::no_space);
  }
  f.w.crash(f.n);
  f.n.disk().faults.capacity_bytes = uint64_t{16} << 30;
  f.restart();
  CHECK(f.run_some(10) == 0);
  CHECK(f.settle());
}

}  // namespace
}  // namespace millrace::storage::test
