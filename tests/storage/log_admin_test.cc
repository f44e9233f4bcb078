#include "log_world.hh"

/// Logs that are made, removed and shortened while others are appended to, with crashes at any moment.

namespace millrace::storage::test {
namespace {

std::vector<log_id> ids_of(const model_log& m) { return {m.id}; }

TEST_CASE("log admin: a removed log is gone, also after a crash, and its name can be used again") {
  for (const uint64_t seed : seeds(4000, 20)) {
    CAPTURE(seed);
    log_world f(seed);
    f.boot();
    f.run_some(60);
    model_log& gone = *f.logs[1];
    const log_id old = gone.id;
    REQUIRE(f.remove(gone));
    CHECK(f.find(gone) == nullptr);
    f.drop(gone);
    model_log& again = f.add_model(1);
    CHECK(again.id != old);
    REQUIRE(f.create(again));
    f.run_some(60);
    if (f.random.chance(0.5)) CHECK(f.settle());
    f.crash(f.random_crash());
    f.restart();
    CHECK(f.managers[0]->find(old) == nullptr);
    f.check_all();
  }
}

TEST_CASE("log admin: logs come and go under load, and crashes in the middle lose no other") {
  for (const uint64_t seed : seeds(4100, 60)) {
    CAPTURE(seed);
    log_world f(seed, {.segment_bytes = 100 << 10, .commit_bytes = 4096 + (256 << 10), .logs = 5});
    f.boot();
    unsigned next = 5;
    for (int round = 0; round < 4; ++round) {
      f.run_some(static_cast<unsigned>(f.random.below(60)));
      model_log& m = f.any_log();
      m.removing = true;
      auto removing = f.w.start(f.n, 0, f.managers[0]->remove(ids_of(m)));
      f.w.run_for(base::microseconds(static_cast<int64_t>(f.random.below(3000))));
      const bool ended = removing->done();
      if (ended) {
        CHECK(removing->take());
        f.drop(m);
        REQUIRE(f.create(f.add_model(next++)));
        f.run_some(static_cast<unsigned>(f.random.below(30)));
      }
      f.crash(f.random_crash());
      removing.reset();
      f.restart();
      f.check_all();
      if (f.logs.size() < 3) REQUIRE(f.create(f.add_model(next++)));
    }
  }
}

TEST_CASE("log admin: the same log removed twice at once is removed once") {
  log_world f(4200);
  f.boot();
  f.run_some(40);
  model_log& m = *f.logs[0];
  REQUIRE(f.settle());
  f.stop();
  f.restart();
  // A slow read of it keeps both waiting.
  f.n.disk().add_rule({.kind = reactor::op_kind::read, .path_part = "/topic-", .error = 0, .delay = base::milliseconds(50)});
  const auto plan = f.find(m)->plan_read(base::offset(0), 100, true);
  REQUIRE(plan);
  auto reading = f.w.start(f.n, 0, f.managers[0]->reader().read(m.id, *plan));
  f.w.run_for(base::milliseconds(20));
  REQUIRE(!reading->done());
  m.removing = true;
  auto one = f.w.start(f.n, 0, f.managers[0]->remove(ids_of(m)));
  auto other = f.w.start(f.n, 0, f.managers[0]->remove(ids_of(m)));
  REQUIRE(f.w.run_until([&] { return one->done() && other->done(); }, base::seconds(10)));
  CHECK(one->take());
  CHECK(other->take());
  CHECK(reading->done());
  CHECK(f.managers[0]->find(m.id) == nullptr);
  f.n.disk().clear_rules();
  f.drop(m);
  f.run_some(20);
  CHECK(f.settle());
}

TEST_CASE("log admin: a removal that failed can be tried again") {
  for (const reactor::op_kind kind : {reactor::op_kind::rename, reactor::op_kind::sync_dir}) {
    log_world f(4300);
    f.boot();
    f.run_some(40);
    CHECK(f.settle());
    model_log& m = *f.logs[0];
    f.n.disk().add_rule({.kind = kind, .count = 1});
    CHECK(!f.remove(m));
    CHECK(f.find(m)
              ->append(*record::batch_view::frame(m.batches.begin()->second.bytes), f.start_number, crc_check::compute)
              .error()
              .code == base::errc::storage);
    f.n.disk().clear_rules();
    CHECK(f.remove(m));
    CHECK(f.find(m) == nullptr);
    f.drop(m);
    f.stop();
    f.restart();
    CHECK(f.recovered_clean);
    f.check_all();
  }
}

TEST_CASE("log admin: a removal that failed goes on by itself, and holds up nobody") {
  for (const reactor::op_kind kind : {reactor::op_kind::rename, reactor::op_kind::sync_dir}) {
    log_world f(4350, {.commit_bytes = 4096 + (256 << 10)});
    f.boot();
    f.run_some(40);
    CHECK(f.settle());
    const log_id first = f.logs[0]->id;
    const log_id second = f.logs[1]->id;
    f.n.disk().add_rule({.kind = kind, .path_part = "", .count = 1});
    CHECK(!f.w.run(f.n, 0, f.managers[0]->remove({first, second})));
    // A rename that failed is that log's alone; what was not made durable is not done for either.
    CHECK(f.managers[0]->find(first) != nullptr);
    CHECK((f.managers[0]->find(second) == nullptr) == (kind == reactor::op_kind::rename));
    f.w.run_for(base::milliseconds(1500));
    CHECK(f.managers[0]->find(first) == nullptr);
    CHECK(f.managers[0]->find(second) == nullptr);
    CHECK(!f.n.disk().exists(world_dir + "/topic-0"));
    f.drop(*f.logs[0]);
    f.drop(*f.logs[0]);
    // Two laps of the commit log and more.
    for (int i = 0; i < 4; ++i) {
      f.run_some(100);
      CHECK(f.settle());
    }
    CHECK(f.managers[0]->counters().checkpoints > 4);
    f.check_all();
    f.stop();
    f.restart();
    f.check_all();
  }
}

TEST_CASE("log admin: a directory that holds segments is not taken for a new log") {
  log_world f(4400, {.logs = 1});
  f.boot();
  f.n.disk().make_directories(world_dir + "/topic-7");
  const uint8_t byte = 0;
  f.n.disk().put(world_dir + "/topic-7/00000000000000000000.log", base::bytes(&byte, 1));
  model_log& m = f.add_model(7);
  CHECK(f.create(m).error().code == base::errc::exists);
  f.drop(m);
  // An empty one, left by a crash, is.
  f.n.disk().make_directories(world_dir + "/topic-8");
  CHECK(f.create(f.add_model(8)));
  f.run_some(10);
  CHECK(f.settle());
}

TEST_CASE("log admin: log start rises, files below it leave, and no crash brings it back") {
  for (const uint64_t seed : seeds(4500, 60)) {
    CAPTURE(seed);
    log_world f(
        seed, {.segment_bytes = 50 << 10, .commit_bytes = 4096 + (256 << 10), .logs = 2, .ack_from_memory = seed % 4 == 0});
    f.boot();
    for (int round = 0; round < 5; ++round) {
      f.run_some(60);
      if (f.random.chance(0.5)) CHECK(f.settle());
      model_log& m = f.any_log();
      const int64_t to = m.start + static_cast<int64_t>(f.random.below(static_cast<uint64_t>(m.acknowledged - m.start) + 1));
      if (f.random.chance(0.5)) {
        REQUIRE(f.advance(m, to));
      } else {
        // Two at once, cut short somewhere.
        m.start_asked = std::max(m.start_asked, to);
        auto half = f.w.start(f.n, 0, f.managers[0]->advance_log_start(m.id, base::offset((m.start + to) / 2)));
        auto whole = f.w.start(f.n, 0, f.managers[0]->advance_log_start(m.id, base::offset(to)));
        f.w.run_for(base::microseconds(static_cast<int64_t>(f.random.below(2000))));
        if (whole->done() && whole->take()) m.start = std::max(m.start, to);
        f.crash(f.random_crash());
        half.reset();
        whole.reset();
        f.restart();
      }
      f.check_all();
    }
    f.stop();
    f.restart();
    f.check_all();
  }
}

TEST_CASE("log admin: everything deleted, the log goes on where it was") {
  for (const bool crash : {false, true}) {
    log_world f(4600, {.segment_bytes = 50 << 10, .logs = 1});
    f.boot();
    f.run_some(80);
    REQUIRE(f.settle());
    model_log& m = *f.logs[0];
    REQUIRE(f.advance(m, m.end));
    if (crash) {
      f.crash();
    } else {
      f.stop();
    }
    f.restart();
    CHECK(f.find(m)->end().value() == m.end);
    f.run_some(20);
    CHECK(f.settle());
    f.check_all();
  }
}

TEST_CASE("log admin: files below log start that a crash left behind leave at the next start") {
  log_world f(4700, {.segment_bytes = 30 << 10, .commit_bytes = 4096 + (256 << 10), .logs = 1, .pool_bytes = 0});
  f.boot();
  f.run_and_restart(100);
  model_log& m = *f.logs[0];
  f.n.disk().add_rule({.kind = reactor::op_kind::remove});
  REQUIRE(f.advance(m, m.end));
  f.n.disk().clear_rules();
  const std::string first = world_dir + "/" + m.directory + "/00000000000000000000.log";
  CHECK(f.n.disk().exists(first));
  f.crash({sim::crash_kind::process, -1});
  f.restart();
  f.w.run_for(base::milliseconds(100));
  CHECK(!f.n.disk().exists(first));
}

TEST_CASE("log admin: a roll whose append was refused leaves no empty segment in the way") {
  log_world f(4800, {.segment_bytes = 20 << 10, .big_chance = 0, .logs = 1});
  f.boot();
  model_log& m = *f.logs[0];
  REQUIRE(f.append(m, 1, 15000));
  REQUIRE(f.settle());
  // A batch that must roll, and is damaged: the log rolls, and takes nothing.
  std::vector<uint8_t> bad = make_world_batch(f.random, {f.clock}, 12000);
  bad[500] ^= 1;
  CHECK(f.find(m)->append(*record::batch_view::frame(bad), f.start_number, crc_check::compute).error().code ==
        base::errc::corrupt);
  f.stop();
  f.restart();
  REQUIRE(f.append(m, 1, 100));
  REQUIRE(f.append(m, 1, 100));
  REQUIRE(f.append(m, 1, 19000));
  REQUIRE(f.settle());
  f.stop();
  f.restart();
  f.check_log(m, 0);
}

TEST_CASE("log admin: behind a roll whose append was refused everything before it may leave") {
  log_world f(4850, {.segment_bytes = 20 << 10, .big_chance = 0, .logs = 1});
  f.boot();
  model_log& m = *f.logs[0];
  REQUIRE(f.append(m, 1, 15000));
  REQUIRE(f.settle());
  std::vector<uint8_t> bad = make_world_batch(f.random, {f.clock}, 12000);
  bad[500] ^= 1;
  CHECK(!f.find(m)->append(*record::batch_view::frame(bad), f.start_number, crc_check::compute));
  const uint64_t before = f.managers[0]->counters().checkpoints;
  f.managers[0]->commit_space_wanted();
  REQUIRE(f.w.run_until([&] { return f.managers[0]->counters().checkpoints > before; }, base::seconds(10)));
  REQUIRE(f.advance(m, m.end));
  CHECK(!f.n.disk().exists(world_dir + "/" + m.directory + "/00000000000000000000.log"));
  REQUIRE(f.append(m, 1, 100));
  REQUIRE(f.settle());
  f.check_log(m, m.start);
  f.crash();
  f.restart();
  f.check_log(m, m.start);
}

TEST_CASE("log admin: appends are refused once the manager stops") {
  log_world f(4900, {.logs = 1});
  f.boot();
  f.run_some(20);
  model_log& m = *f.logs[0];
  auto stopping = f.w.start(f.n, 0, f.managers[0]->stop());
  REQUIRE(f.w.run_until([&] { return f.managers[0]->stopping(); }, base::seconds(1)));
  CHECK(f.append(m).error().code == base::errc::closed);
  REQUIRE(f.w.run_until([&] { return stopping->done(); }, base::seconds(20)));
  CHECK(stopping->take());
}

}  // namespace
}  // namespace millrace::storage::test
