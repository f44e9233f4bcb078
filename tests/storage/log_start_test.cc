#include "log_world.hh"

#include "storage/layout.hh"

/// A log start that rises: durable before it is shown, shown before a file leaves, and a file that is read stays.

namespace millrace::storage::test {
namespace {

struct start_world : log_world {
  explicit start_world(world_setup o = {}) : log_world(9300, small(o)) {
    boot();
    for (auto& l : logs) {
      for (int i = 0; i < 18; ++i) append_one(*l);
    }
    REQUIRE(settle());
    w.run_for(base::milliseconds(100));
  }
  static world_setup small(world_setup o) {
    o.segment_bytes = 8 << 10;
    o.big_chance = 0;
    o.logs = 2;
    o.pool_least = 4 << 10;
    return o;
  }
  void append_one(model_log& m) {
    while (!append(m, 1, 1900)) w.run_for(base::milliseconds(1));
  }
  bool has_segment(const model_log& m, int64_t base) {
    return n.disk().exists(world_dir + "/" + m.directory + "/" + layout::log_file(base::offset(base)));
  }
  int64_t start_of(const model_log& m) { return find(m)->log_start().value(); }
  std::vector<base::result<void>> raise(std::vector<new_log_start> wanted) {
    return w.run(n, 0, managers[0]->raise_log_starts(std::move(wanted)));
  }
  uint64_t checkpoints() { return managers[0]->counters().checkpoints; }
};

/// A read of the first segment's file, held up for so long.
auto slow_read(start_world& f, model_log& m) {
  f.n.disk().add_rule(
      {.kind = reactor::op_kind::read, .path_part = m.directory, .count = 1, .error = 0, .delay = base::milliseconds(400)});
  const auto plan = f.find(m)->plan_read(base::offset(0), 1 << 20, true);
  REQUIRE(plan);
  auto reading = f.w.start(f.n, 0, f.managers[0]->reader().read(m.id, *plan));
  f.w.run_for(base::milliseconds(20));
  REQUIRE(!reading->done());
  return reading;
}

TEST_CASE("log start: many rise together, by one checkpoint, each with an outcome of its own") {
  start_world f;
  const log_id one = f.logs[0]->id;
  const log_id other = f.logs[1]->id;
  const log_id nobody{one.topic, 99};
  const uint64_t before = f.checkpoints();
  const auto got =
      f.raise({{one, base::offset(5)}, {other, base::offset(19)}, {nobody, base::offset(1)}, {other, base::offset(18)}});
  CHECK(got[0]);
  CHECK(got[1].error().code == base::errc::out_of_range);
  CHECK(got[2].error().code == base::errc::closed);
  CHECK(got[3]);
  CHECK(f.checkpoints() == before + 1);
  CHECK(f.start_of(*f.logs[0]) == 5);
  CHECK(f.start_of(*f.logs[1]) == 18);
  // What is there already, or below, needs none.
  const auto again = f.raise({{one, base::offset(5)}, {one, base::offset(0)}, {other, base::offset(3)}});
  for (const auto& o : again) CHECK(o);
  CHECK(f.checkpoints() == before + 1);
  CHECK(f.start_of(*f.logs[0]) == 5);
}

TEST_CASE("log start: it is shown when the checkpoint is durable, and no file leaves before") {
  start_world f;
  model_log& m = *f.logs[0];
  f.n.disk().add_rule({.kind = reactor::op_kind::write,
                       .path_part = ".checkpoint",
                       .count = 1,
                       .error = 0,
                       .delay = base::milliseconds(300)});
  auto raising = f.w.start(f.n, 0, f.managers[0]->advance_log_start(m.id, base::offset(9)));
  f.w.run_for(base::milliseconds(200));
  CHECK(!raising->done());
  CHECK(f.start_of(m) == 0);
  CHECK(f.has_segment(m, 0));
  f.check_log(m, 0);
  REQUIRE(f.w.run_until([&] { return raising->done(); }, base::seconds(1)));
  CHECK(raising->take());
  CHECK(f.start_of(m) == 9);
  f.w.run_for(base::milliseconds(100));
  CHECK(!f.has_segment(m, 0));
  CHECK(!f.has_segment(m, 4));
  CHECK(f.has_segment(m, 8));
  m.start = m.start_asked = 9;
  f.check_log(m, 9);
}

TEST_CASE("log start: a checkpoint that fails shows nothing; the next one that is durable does") {
  start_world f;
  model_log& m = *f.logs[0];
  f.n.disk().add_rule({.kind = reactor::op_kind::write, .path_part = ".checkpoint"});
  CHECK(!f.advance(m, 9));
  CHECK(f.start_of(m) == 0);
  CHECK(f.has_segment(m, 0));
  f.check_log(m, 0);
  f.n.disk().clear_rules();
  REQUIRE(f.advance(*f.logs[1], 1));
  CHECK(f.start_of(m) == 9);
  f.w.run_for(base::milliseconds(100));
  CHECK(!f.has_segment(m, 0));
  m.start = 9;
  f.crash();
  f.restart();
  CHECK(f.start_of(m) == 9);
  f.check_all();
}

TEST_CASE("log start: a time is looked for, and the latest, among the records from it on") {
  log_world f(9400, {.segment_bytes = 20 << 10, .value_max = 300, .logs = 2});
  f.boot();
  for (int round = 0; round < 40; ++round) {
    f.run_some(30);
    REQUIRE(f.settle());
    model_log& m = f.any_log();
    // Mostly into a batch, and now and then behind the last record.
    const auto kept = static_cast<int64_t>(f.random.below(static_cast<uint64_t>(m.end - m.start) / 2 + 1));
    REQUIRE(f.advance(m, f.random.chance(0.1) ? m.end : m.start + kept));
    for (auto& l : f.logs) {
      f.check_max_time(*l);
      const auto oldest = static_cast<uint64_t>(f.clock > 3000 ? f.clock - 3000 : 0);
      for (int i = 0; i < 5; ++i) f.check_times(*l, static_cast<int64_t>(oldest + f.random.below(3100)));
    }
    if (f.random.chance(0.2)) {
      f.stop();
      f.restart();
    }
  }
}

TEST_CASE("log start: a segment that is read stays until it is not, and leaves then") {
  start_world f;
  model_log& m = *f.logs[0];
  f.stop();
  f.restart();
  auto reading = slow_read(f, m);
  auto raising = f.w.start(f.n, 0, f.managers[0]->advance_log_start(m.id, base::offset(9)));
  REQUIRE(f.w.run_until([&] { return raising->done(); }, base::milliseconds(100)));
  CHECK(raising->take());
  f.w.run_for(base::milliseconds(100));
  CHECK(!reading->done());
  CHECK(f.has_segment(m, 0));
  REQUIRE(f.w.run_until([&] { return reading->done(); }, base::seconds(1)));
  const auto got = reading->take();
  REQUIRE(got);
  f.check_answer(m, *got, 0);
  m.start = m.start_asked = 9;
  f.w.run_for(base::milliseconds(1200));
  CHECK(!f.has_segment(m, 0));
  CHECK(!f.has_segment(m, 4));
  CHECK(!f.managers[0]->trimming());
}

TEST_CASE("log start: a range of a file that is being sent keeps its segment") {
  start_world f({.splice_reads = true});
  model_log& m = *f.logs[0];
  f.stop();
  f.restart();
  base::result<read_result> got = f.read(m, 0, 3000);
  for (int i = 0; i < 3 && (!got || got->slices[0].memory); ++i) got = f.read(m, 0, 3000);
  REQUIRE(got);
  REQUIRE(!got->slices[0].memory);  // in the file
  REQUIRE(f.advance(m, 9));
  CHECK(f.has_segment(m, 0));
  got = base::fail(base::errc::closed);
  f.w.run_for(base::milliseconds(1200));
  CHECK(!f.has_segment(m, 0));
  CHECK(f.managers[0]->counters().pool_files == 1);  // the second one; what was spliced is unlinked
}

TEST_CASE("log start: a stop does not wait for a segment that cannot leave; the next start removes it") {
  start_world f;
  model_log& m = *f.logs[0];
  f.stop();
  f.restart();
  auto reading = slow_read(f, m);
  auto raising = f.w.start(f.n, 0, f.managers[0]->advance_log_start(m.id, base::offset(9)));
  REQUIRE(f.w.run_until([&] { return raising->done(); }, base::milliseconds(100)));
  m.start = m.start_asked = 9;
  f.stop();
  CHECK(f.has_segment(m, 0));
  reading.reset();
  f.restart();
  CHECK(f.recovered_clean);
  f.w.run_for(base::milliseconds(100));
  CHECK(!f.has_segment(m, 0));
  f.check_all();
}

TEST_CASE("log start: where logs wait for space nothing enters the pool") {
  start_world f;
  model_log& m = *f.logs[0];
  for (int64_t start = 1; start < 3; ++start) REQUIRE(f.advance(m, start));  // both files of the checkpoint have their size
  f.n.disk().faults.capacity_bytes = f.n.disk().used_bytes() + (32 << 10);
  for (int i = 0; i < 200 && f.append(*f.logs[1], 1, 1900); ++i) f.w.run_for(base::milliseconds(1));
  f.w.run_for(base::milliseconds(100));
  CHECK(f.append(*f.logs[1], 1, 100).error().code == base::errc::no_space);
  REQUIRE(f.advance(m, 17));
  CHECK(f.managers[0]->counters().pool_files == 0);
  CHECK(!f.has_segment(m, 0));
  f.w.run_for(base::milliseconds(2500));
  CHECK(f.append(*f.logs[1], 1, 100));
  CHECK(f.settle());
}

}  // namespace
}  // namespace millrace::storage::test
