#include "log_world.hh"

/// What a core's logs may hold, however many there are: indexes, descriptors, disk and memory.

namespace millrace::storage::test {
namespace {

void append_and_settle(log_world& f, model_log& m, unsigned batches, size_t value_bytes) {
  for (unsigned i = 0; i < batches; ++i) {
    while (!f.append(m, 1, value_bytes)) f.w.run_for(base::milliseconds(1));
  }
  REQUIRE(f.settle());
}

TEST_CASE("bounds: indexes of closed segments leave memory, and reads and lookups by time bring them back") {
  constexpr uint64_t bytes_max = 2000;
  log_world f(1, {.segment_bytes = 64 << 10,
                  .commit_bytes = 4096 + (256 << 10),
                  .index_interval = 100,
                  .logs = 2,
                  .memory = 16 << 20,
                  .index_bytes_max = bytes_max});
  f.boot();
  for (const bool restarted : {false, true}) {
    for (auto& l : f.logs) append_and_settle(f, *l, 200, 1000 + f.random.below(3000));
    if (restarted) {
      f.stop();
      f.restart();
    }
    for (int i = 0; i < 20; ++i) {
      f.check_all();
      f.check_times(f.any_log(), 900 + static_cast<int64_t>(f.random.below(static_cast<uint64_t>(f.clock - 900) + 50)));
      CHECK(f.managers[0]->counters().index_bytes > 0);
      CHECK(f.managers[0]->counters().index_bytes <= bytes_max);
    }
    for (auto& l : f.logs) {
      f.check_log(*l, 0);
      f.check_max_time(*l);
    }
  }
}

TEST_CASE("bounds: the largest timestamp is known without the index that left memory") {
  log_world f(2, {.segment_bytes = 32 << 10, .commit_bytes = 4096 + (256 << 10), .logs = 1, .index_bytes_max = 1});
  f.boot();
  append_and_settle(f, *f.logs[0], 100, 3000);
  f.check_max_time(*f.logs[0]);
  f.n.disk().add_rule({.kind = reactor::op_kind::open, .path_part = "index"});
  f.check_max_time(*f.logs[0]);
  f.check_times(*f.logs[0], f.clock + 1000);
}

TEST_CASE("bounds: readers that want the same index load it once") {
  log_world f(3, {.segment_bytes = 32 << 10, .logs = 1});
  f.boot();
  append_and_settle(f, *f.logs[0], 30, 3000);
  f.stop();
  f.restart();
  model_log& m = *f.logs[0];
  f.n.disk().add_rule({.kind = reactor::op_kind::open, .path_part = ".index", .skip = 1});
  const auto plan = f.find(m)->plan_read(base::offset(5), 1000, true);
  REQUIRE(plan);
  std::vector<std::unique_ptr<sim::started<base::result<read_result>>>> reads;
  for (int i = 0; i < 5; ++i) reads.push_back(f.w.start(f.n, 0, f.managers[0]->reader().read(m.id, *plan)));
  for (auto& one : reads) {
    REQUIRE(f.w.run_until([&] { return one->done(); }, base::seconds(10)));
    const auto got = one->take();
    REQUIRE(got);
    CHECK(f.check_answer(m, *got, 5) > 5);
  }
}

TEST_CASE("bounds: no more files are open than may be, those that logs write to included") {
  constexpr uint64_t files_max = 16;
  log_world f(4, {.segment_bytes = 64 << 10, .commit_bytes = 4096 + (256 << 10), .logs = 60, .open_files_max = files_max});
  f.boot();
  for (int round = 0; round < 3; ++round) {
    for (auto& l : f.logs) append_and_settle(f, *l, 8, 3000);
    // Logs whose bytes a checkpoint covers need no file.
    for (int i = 0; i < 3; ++i) append_and_settle(f, *f.logs[0], 100, 3000);
    f.w.run_for(base::milliseconds(200));
    CHECK(f.managers[0]->counters().open_files <= files_max);
    for (auto& l : f.logs) {
      f.check_log(*l, 0);
      f.w.run_for(base::milliseconds(10));  // files are closed behind the reads
      CHECK(f.managers[0]->counters().open_files <= files_max);
    }
    if (round == 1) {
      f.stop();
      f.restart();
    }
  }
}

TEST_CASE("bounds: an empty log takes under 256 KiB of disk and none of the core's memory") {
  log_world f(5, {.logs = 1});
  f.boot();
  REQUIRE(f.append(*f.logs[0], 1, 100));
  REQUIRE(f.settle());
  const uint64_t disk = f.n.disk().used_bytes();
  const uint64_t memory = f.n.core().memory().used();
  constexpr unsigned count = 100;
  for (unsigned i = 1; i <= count; ++i) REQUIRE(f.create(f.add_model(i)));
  f.w.run_for(base::seconds(5));
  CHECK(f.n.disk().used_bytes() - disk < count * (256u << 10));
  CHECK(f.n.core().memory().used() == memory);
  // One that got little gives its memory back when it is asked for, and its file stays small.
  for (auto& l : f.logs) append_and_settle(f, *l, 1, 100);
  f.stop();
  f.restart();
  CHECK(f.n.disk().used_bytes() - disk < count * (256u << 10));
  f.check_all();
}

TEST_CASE("bounds: many hundred logs start, in little memory, after a clean stop and after a power cut") {
  log_world f(6, {.commit_bytes = 4096 + (1 << 20),
                  .value_max = 300,
                  .big_chance = 0,
                  .logs = 700,
                  .memory = 16 << 20,
                  .open_files_max = 64});
  f.boot();
  for (const bool clean : {true, false}) {
    for (auto& l : f.logs) append_and_settle(f, *l, 1, 200);
    if (clean) {
      f.stop();
    } else {
      f.crash({sim::crash_kind::power, -1});
    }
    f.restart();
    for (auto& l : f.logs) f.check_log(*l, 0);
  }
}

/// How many groups are in flight at most while the disk takes 5 ms for each and batches of this size keep coming.
unsigned groups_in_flight(log_world& f, size_t value_bytes) {
  unsigned most = 0;
  for (int i = 0; i < 12; ++i) {
    REQUIRE(f.append(*f.logs[0], 1, value_bytes));
    f.w.run_for(base::microseconds(200));
    most = std::max(most, f.managers[0]->commits().in_flight());
  }
  REQUIRE(f.settle());
  return most;
}

TEST_CASE("bounds: small groups are written four at a time, large ones two") {
  log_world f(9, {.segment_bytes = 64 << 20, .commit_bytes = 4096 + (64 << 20), .inline_max = 64 << 10, .logs = 1});
  f.boot();
  f.n.disk().add_rule(
      {.kind = reactor::op_kind::write, .path_part = "/commit/", .error = 0, .delay = base::milliseconds(5)});
  CHECK(groups_in_flight(f, 100) == 4);
  CHECK(groups_in_flight(f, 60 << 10) == 4);   // 180 KiB in three of them
  CHECK(groups_in_flight(f, 300 << 10) == 2);  // what is written directly counts
  CHECK(groups_in_flight(f, 100) == 4);
  f.n.disk().clear_rules();
  f.check_all();
}

}  // namespace
}  // namespace millrace::storage::test
