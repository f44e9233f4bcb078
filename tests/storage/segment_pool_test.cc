#include "log_world.hh"
#include "storage/layout.hh"
#include "storage/scan_recovery.hh"

/// Segment files that change owner: whatever they held before is never data, at any crash.

namespace millrace::storage::test {
namespace {

constexpr size_t value_bytes = 3000;  ///< of every batch where positions are to be the same in two logs
constexpr unsigned batches_a_segment = 10;

world_setup setup_of(unsigned logs) { return {.segment_bytes = 32 << 10, .commit_bytes = 4096 + (256 << 10), .logs = logs}; }

struct pool_world : log_world {
  explicit pool_world(uint64_t seed, world_setup o = setup_of(3)) : log_world(seed, o) { boot(); }

  /// Appends to the last log until passes were made. Its own segments are too small for the pool.
  void make_passes() {
    log_config small = config();
    small.segment_bytes = 8 << 10;
    find(*logs.back())->configure(small);
    append_segments(*logs.back(), 6);
  }
  void run_until_taken(uint64_t files) {
    CHECK(w.run_until([&] { return counters().pool_taken >= files; }, base::seconds(1)));
  }

  void append_one(model_log& m) {
    while (!append(m, 1, value_bytes)) w.run_for(base::milliseconds(1));
  }
  void append_segments(model_log& m, unsigned count) {
    for (unsigned i = 0; i < count * batches_a_segment; ++i) {
      append_one(m);
      if (i % 8 == 0) w.run_for(base::microseconds(500));
    }
    REQUIRE(settle());
  }
  storage_counters counters(unsigned core = 0) { return managers[core]->counters(); }
  size_t pooled_on_disk() { return n.disk().list(world_dir + "/pool")->size(); }
  std::string path_of(const model_log& m, int64_t base) {
    return world_dir + "/" + m.directory + "/" + layout::log_file(base::offset(base));
  }
  /// Log start of `m` rises so far that the pool gets that many files.
  void fill_pool(model_log& m, int64_t start, size_t files) {
    make_passes();
    REQUIRE(advance(m, start));
    REQUIRE(counters().pool_files == files);
  }
};

TEST_CASE("pool: a file whose log start has passed it becomes another log's segment") {
  pool_world f(1);
  model_log& old = *f.logs[0];
  model_log& young = *f.logs[1];
  f.append_segments(old, 3);
  f.fill_pool(old, 20, 2);
  CHECK(f.pooled_on_disk() == 2);
  CHECK(!f.n.disk().exists(f.path_of(old, 0)));
  CHECK(f.n.disk().exists(f.path_of(old, 20)));
  f.w.run_for(base::milliseconds(100));  // what is being closed is closed
  const uint64_t written = f.n.disk().used_bytes();
  f.append_segments(young, 4);
  f.run_until_taken(2);
  CHECK(f.counters().pool_files == 0);
  CHECK(f.counters().pool_bytes == 0);
  CHECK(f.pooled_on_disk() == 0);
  // Two new files, and the indexes of those that were closed.
  CHECK(f.n.disk().used_bytes() < written + (4 << 15) + 8 * block_bytes);
  f.check_all();
  f.stop();
  f.restart();
  CHECK(f.recovered_clean);
  f.check_log(young, 0);
}

/// `old` leaves a file in the pool whose batches lie where `young` is going to put its own, with the same offsets and the
/// same epoch; `young` is one batch before the roll that takes it.
void prepare_fitting_file(pool_world& f, model_log& old, model_log& young) {
  f.append_segments(old, 3);
  f.append_segments(young, 1);
  f.fill_pool(old, 2 * batches_a_segment, 2);
}

TEST_CASE("pool: a power cut at any moment leaves none of the old batches behind the new ones") {
  for (const uint64_t seed : seeds(100, 150)) {
    CAPTURE(seed);
    pool_world f(seed);
    model_log& old = *f.logs[0];
    model_log& young = *f.logs[1];
    prepare_fitting_file(f, old, young);
    const auto batches = 1 + f.random.below(2 * batches_a_segment);
    for (uint64_t i = 0; i < batches; ++i) f.append_one(young);
    f.w.run_for(base::microseconds(static_cast<int64_t>(f.random.below(f.random.chance(0.5) ? 300 : 4000))));
    f.crash(f.random_crash());
    f.restart_with_crashes(f.random.chance(0.3) ? 1 : 0);
    f.check_log(young, 0);
    for (uint64_t i = 0; i < batches; ++i) f.append_one(young);
    if (f.random.chance(0.5)) CHECK(f.settle());
    f.crash(f.random_crash());
    f.restart();
    f.check_log(young, 0);
    f.check_log(old, old.start);
  }
}

TEST_CASE("pool: a file is in the pool or under its old name, whenever the power goes while it moves") {
  for (const uint64_t seed : seeds(300, 100)) {
    CAPTURE(seed);
    pool_world f(seed);
    model_log& old = *f.logs[0];
    f.append_segments(old, 3);
    f.make_passes();
    old.start_asked = 2 * batches_a_segment;
    auto moving = f.w.start(f.n, 0, f.managers[0]->advance_log_start(old.id, base::offset(old.start_asked)));
    f.w.run_for(base::microseconds(static_cast<int64_t>(f.random.below(1500))));
    f.crash(f.random_crash());
    moving.reset();
    f.restart();
    f.check_log(old, old.start);
    f.append_segments(*f.logs[1], 3);
    f.check_log(*f.logs[1], 0);
    f.crash(f.random_crash());
    f.restart();
    f.check_log(*f.logs[1], 0);
    f.check_log(old, old.start);
  }
}

TEST_CASE("pool: what only a commit log held is not replaced by old batches where recovery scans files") {
  pool_world f(2);
  model_log& old = *f.logs[0];
  model_log& young = *f.logs[1];
  prepare_fitting_file(f, old, young);
  constexpr int64_t more = 4;  // enough for the file to be taken
  for (int64_t i = 0; i < more; ++i) f.append_one(young);
  REQUIRE(f.settle());
  REQUIRE(f.w.run_until([&] { return f.counters().pool_taken == 1; }, base::seconds(1)));
  f.w.run_for(base::milliseconds(100));
  REQUIRE(f.n.disk().exists(f.path_of(young, batches_a_segment)));
  f.crash({sim::crash_kind::process, -1});
  f.w.restart(f.n, 1);
  const auto found = f.w.run(f.n, 0, recover_by_scan(f.n.core(), world_dir));
  REQUIRE(found);
  for (const log_state& l : found->logs) {
    // As far as they came to be in files; what fits behind them is not theirs.
    if (l.id == young.id) CHECK(l.end.next.value() <= batches_a_segment + more);
  }
  f.w.crash(f.n, {sim::crash_kind::process, -1});
}

TEST_CASE("pool: a removed log's large files enter it, small ones do not") {
  pool_world f(3, setup_of(4));
  model_log& gone = *f.logs[0];
  model_log& small = *f.logs[3];
  f.append_segments(gone, 2);
  f.make_passes();
  REQUIRE(f.remove(small));
  f.drop(small);
  REQUIRE(f.remove(gone));
  f.drop(gone);
  f.w.run_for(base::seconds(1));
  CHECK(f.counters().pool_files == 2);
  CHECK(f.pooled_on_disk() == 2);
  const auto left = f.n.disk().list(world_dir);
  for (const auto& e : *left) CHECK(!layout::is_deleted_directory(e.name));
  f.append_segments(*f.logs[0], 3);
  f.run_until_taken(2);
  f.check_all();
}

TEST_CASE("pool: it is bounded, and bound to be nothing where it is off") {
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{70} << 10}) {
    world_setup o = setup_of(2);
    o.pool_bytes = bytes;
    pool_world f(4, o);
    f.append_segments(*f.logs[0], 8);
    f.make_passes();
    REQUIRE(f.advance(*f.logs[0], 8 * batches_a_segment - 1));
    CHECK(f.counters().pool_files == (bytes == 0 ? 0 : 2));
    CHECK(f.counters().pool_bytes <= bytes);
    CHECK(f.pooled_on_disk() == (bytes == 0 ? 0 : 2));
    CHECK(f.n.disk().list(world_dir + "/topic-0")->size() <= 5);
  }
}

TEST_CASE("pool: the files of cores that are no more are somebody's, once each, up to the bound") {
  world_setup o = setup_of(4);
  o.cores = 4;
  pool_world f(5, o);
  for (auto& l : f.logs) f.append_segments(*l, 6);
  f.w.run_for(base::milliseconds(100));  // only closed segments leave
  for (auto& l : f.logs) REQUIRE(f.advance(*l, 3 * batches_a_segment));
  f.w.run_for(base::milliseconds(100));
  const size_t files = f.pooled_on_disk();
  REQUIRE(files > 4);
  f.stop();
  f.restart(2);
  CHECK(f.counters(0).pool_files + f.counters(1).pool_files == files);
  f.stop();
  f.setup.pool_bytes = 70 << 10;
  f.restart(1);
  f.w.run_for(base::milliseconds(100));
  CHECK(f.counters().pool_files == 2);
  CHECK(f.pooled_on_disk() == 2);
  // New names do not meet the old ones.
  for (int i = 0; i < 3; ++i) {
    f.append_segments(*f.logs[0], 3);
    REQUIRE(f.advance(*f.logs[0], f.logs[0]->acknowledged - 1));
  }
  CHECK(f.counters().pool_taken >= 2);
  f.check_all();
}

TEST_CASE("pool: where a file cannot be renamed, the old one is unlinked and the new one made") {
  pool_world f(6);
  model_log& old = *f.logs[0];
  f.append_segments(old, 4);
  f.fill_pool(old, 20, 2);
  f.n.disk().add_rule({.kind = reactor::op_kind::rename, .path_part = "/pool/"});
  f.n.disk().add_rule({.kind = reactor::op_kind::rename, .path_part = ".log"});
  f.append_segments(*f.logs[1], 4);
  CHECK(f.counters().pool_taken == 0);
  CHECK(f.counters().pool_files == 0);
  REQUIRE(f.advance(old, 30));
  CHECK(!f.n.disk().exists(f.path_of(old, 20)));
  CHECK(f.counters().pool_files == 0);
  f.check_all();
}

TEST_CASE("pool: it is given up where the file system is full") {
  pool_world f(7);
  f.append_segments(*f.logs[0], 4);
  f.fill_pool(*f.logs[0], 20, 2);
  const uint64_t free = f.n.disk().free_bytes();
  f.n.disk().faults.capacity_bytes -= free - (free % 4096);
  for (unsigned i = 0; i < 200; ++i) {
    (void)f.append(*f.logs[1], 1, 200 << 10);
    f.w.run_for(base::milliseconds(20));
  }
  CHECK(f.counters().pool_files == 0);
  CHECK(f.pooled_on_disk() == 0);
}

}  // namespace
}  // namespace millrace::storage::test
