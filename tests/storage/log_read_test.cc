#include "log_world.hh"

#include "storage/layout.hh"

/// Reads against the model: any offset, any size, from memory and from files, while logs roll, and by time.

namespace millrace::storage::test {
namespace {

TEST_CASE("log read: any offset and size gives whole batches that hold it") {
  for (const uint64_t seed : seeds(3000, 20)) {
    CAPTURE(seed);
    log_world f(seed, {.segment_bytes = 150 << 10, .logs = 2, .memory = 16 << 20});
    f.boot();
    f.run_some(150);
    REQUIRE(f.settle());
    for (int part = 0; part < 3; ++part) {
      for (int i = 0; i < 100; ++i) {
        model_log& m = f.any_log();
        const auto at = static_cast<int64_t>(f.random.below(static_cast<uint64_t>(m.end)));
        const auto got = f.read(m, at, static_cast<uint32_t>(1 + f.random.below(100000)));
        REQUIRE(got);
        CHECK(f.check_answer(m, *got, at) > at);
      }
      // The second time from files alone, the third with indexes rebuilt.
      if (part == 0) f.stop();
      if (part == 1) f.crash({sim::crash_kind::process, -1});
      if (part < 2) f.restart();
    }
  }
}

TEST_CASE("log read: outside of the log there is nothing, and at its end an empty answer") {
  log_world f(3100, {.logs = 1});
  f.boot();
  f.run_some(10);
  REQUIRE(f.settle());
  model_log& m = *f.logs[0];
  CHECK(f.read(m, m.end + 1, 100).error().code == base::errc::out_of_range);
  CHECK(f.read(m, -1, 100).error().code == base::errc::out_of_range);
  CHECK(f.read(m, m.end, 100)->bytes == 0);
  REQUIRE(f.advance(m, m.end / 2));
  CHECK(f.read(m, m.end / 2 - 1, 100).error().code == base::errc::out_of_range);
  CHECK(f.read(m, m.end / 2, 100)->bytes > 0);
}

TEST_CASE("log read: without one_at_least a batch over the limit is left out") {
  log_world f(3101, {.logs = 1});
  f.boot();
  REQUIRE(f.append(*f.logs[0], 1, 1000));
  REQUIRE(f.settle());
  for (const bool from_file : {false, true}) {
    if (from_file) {
      f.stop();
      f.restart();
    }
    const auto plan = f.find(*f.logs[0])->plan_read(base::offset(0), 500, false);
    REQUIRE(plan);
    const auto got = f.w.run(f.n, 0, f.managers[0]->reader().read(f.logs[0]->id, *plan));
    REQUIRE(got);
    CHECK(got->bytes == 0);
  }
}

TEST_CASE("log read: what was acknowledged after a read was planned is not in its answer") {
  log_world f(3102, {.logs = 1});
  f.boot();
  model_log& m = *f.logs[0];
  REQUIRE(f.append(m, 1, 1000));
  f.stop();
  f.restart();  // the file is read, and its indexes wait for that
  const auto plan = *f.find(m)->plan_read(base::offset(0), 1 << 20, true);
  while (!f.append(m, 1, 1000)) f.w.run_for(base::milliseconds(1));  // its last block is being read
  REQUIRE(f.settle());
  CHECK(f.check_answer(m, *f.w.run(f.n, 0, f.managers[0]->reader().read(m.id, plan)), 0) == 1);
}

/// Reads everything again and again while others append, roll and destage.
task<bool> follow(log_world* f, model_log* m, bool* stop) {
  int64_t at = 0;
  while (!*stop) {
    if (at >= m->acknowledged) {
      at = 0;
      co_await reactor::sleep(f->n.core(), base::microseconds(50));
      continue;
    }
    const auto plan = f->find(*m)->plan_read(base::offset(at), 20000, true);
    if (!plan) co_return false;
    const read_plan steps = *plan;
    co_await reactor::sleep(f->n.core(), base::microseconds(at % 7 * 100));  // plans may grow old
    const auto got = co_await f->managers[0]->reader().read(m->id, steps);
    if (!got || got->bytes == 0) co_return false;
    at = f->check_answer(*m, *got, at);
  }
  co_return true;
}

TEST_CASE("log read: followers see the same while logs roll, close and leave memory") {
  for (const uint64_t seed : seeds(3200, 20)) {
    CAPTURE(seed);
    log_world f(seed, {.segment_bytes = 64 << 10, .commit_bytes = 4096 + (256 << 10), .logs = 3, .memory = 16 << 20});
    f.boot();
    bool stop = false;
    std::vector<std::unique_ptr<sim::started<bool>>> followers;
    for (int i = 0; i < 3; ++i) {
      for (auto& l : f.logs) followers.push_back(f.w.start(f.n, 0, follow(&f, l.get(), &stop)));
    }
    f.run_some(300);
    CHECK(f.settle());
    stop = true;
    for (auto& one : followers) {
      REQUIRE(f.w.run_until([&] { return one->done(); }, base::seconds(10)));
      CHECK(one->take());
    }
  }
}

TEST_CASE("log read: lookups by time find what a walk over all records finds") {
  for (const uint64_t seed : seeds(3300, 20)) {
    CAPTURE(seed);
    log_world f(seed, {.segment_bytes = 40 << 10, .index_interval = 500, .logs = 2});
    f.boot();
    for (int part = 0; part < 4; ++part) {
      f.run_some(80);
      REQUIRE(f.settle());
      for (auto& l : f.logs) {
        for (int i = 0; i < 40; ++i) {
          f.check_times(*l, 900 + static_cast<int64_t>(f.random.below(static_cast<uint64_t>(f.clock - 900) + 50)));
        }
        f.check_times(*l, 0);
        f.check_max_time(*l);
      }
      if (f.random.chance(0.5)) {
        f.stop();
      } else {
        f.crash(f.random_crash());
      }
      f.restart();
    }
  }
}

/// Reads a log from its start to its end. How many answers were ranges of files.
int ranges_in_pass(log_world& f, model_log& m, uint32_t bytes_max) {
  int ranges = 0;
  for (int64_t at = m.start; at < m.acknowledged;) {
    const auto got = f.read(m, at, bytes_max);
    REQUIRE(got);
    REQUIRE(got->bytes > 0);
    if (got->slices.front().file) {
      ++ranges;
      CHECK(got->slices.size() == 1);
      CHECK(got->bytes <= bytes_max);
    }
    at = f.check_answer(m, *got, at);
  }
  return ranges;
}

TEST_CASE("log read: what was checked of a closed segment is answered as a range of its file, where that was asked for") {
  for (const uint64_t seed : seeds(3500, 8)) {
    CAPTURE(seed);
    for (const bool splice : {true, false}) {
      log_world f(seed, {.segment_bytes = 200 << 10, .logs = 1, .memory = 16 << 20, .splice_reads = splice});
      f.boot();
      f.run_and_restart(150);
      model_log& m = *f.logs[0];
      CHECK(ranges_in_pass(f, m, 70'000) == 0);
      const int again = ranges_in_pass(f, m, 70'000);
      CHECK((again > 3) == splice);
      // Readers of other sizes, from anywhere.
      for (int i = 0; i < 60; ++i) {
        const auto at = static_cast<int64_t>(f.random.below(static_cast<uint64_t>(m.end)));
        const auto got = f.read(m, at, static_cast<uint32_t>(1 + f.random.below(150'000)));
        REQUIRE(got);
        CHECK(f.check_answer(m, *got, at) > at);
      }
      CHECK((ranges_in_pass(f, m, 50'000) > 1) == splice);
      // Lookups by time read for themselves.
      f.check_times(m, 1500);
      f.stop();
      f.restart();
      CHECK(ranges_in_pass(f, m, 70'000) == 0);
    }
  }
}

size_t log_files(log_world& f, const model_log& m) {
  const auto names = f.n.backend().list(world_dir + "/" + f.find(m)->directory());
  REQUIRE(names);
  return static_cast<size_t>(
      std::count_if(names->begin(), names->end(), [](const auto& entry) { return entry.name.ends_with(".log"); }));
}

TEST_CASE("log read: a range of a file keeps its segment until it is let go") {
  log_world f(3600, {.segment_bytes = 100 << 10, .logs = 1, .memory = 16 << 20, .splice_reads = true});
  f.boot();
  f.run_and_restart(100);
  model_log& m = *f.logs[0];
  (void)ranges_in_pass(f, m, 70'000);
  std::optional<base::result<read_result>> held(f.read(m, 0, 70'000));
  REQUIRE((*held)->slices.front().file);
  const std::vector<uint8_t> before = f.bytes_of(**held);
  const size_t segments = log_files(f, m);
  REQUIRE(segments > 2);
  const int64_t start = m.acknowledged;
  REQUIRE(f.advance(m, start));
  CHECK(log_files(f, m) == segments);
  CHECK(f.bytes_of(**held) == before);
  held.reset();
  REQUIRE(f.advance(m, start));
  CHECK(log_files(f, m) < segments);
}

TEST_CASE("log read: a damaged batch is never part of a range of a file") {
  log_world f(3601, {.segment_bytes = 100 << 10, .logs = 1, .memory = 16 << 20, .splice_reads = true});
  f.boot();
  f.run_and_restart(100);
  model_log& m = *f.logs[0];
  const log& l = *f.find(m);
  REQUIRE(f.n.disk().corrupt(world_dir + "/" + l.directory() + "/" + layout::log_file(base::offset(0)), 20'000, 64,
                             sim::damage::garbage));
  for (int pass = 0; pass < 3; ++pass) {
    for (int64_t at = 0; at < m.acknowledged;) {
      const auto got = f.read(m, at, 30'000);
      if (got && got->bytes > 0) {
        at = f.check_answer(m, *got, at);
      } else {
        at = std::next(m.batches.upper_bound(at), -1)->first + 1;
        while (m.batches.find(at) == m.batches.end() && at < m.acknowledged) ++at;
      }
    }
  }
}

TEST_CASE("log read: a damaged batch is refused, what lies around is served") {
  for (const uint64_t seed : seeds(3400, 60)) {
    CAPTURE(seed);
    log_world f(seed, {.segment_bytes = 100 << 10, .index_interval = 100, .logs = 1});
    f.boot();
    f.run_some(80);
    REQUIRE(f.settle());
    f.stop();
    model_log& m = *f.logs[0];
    // A batch anywhere, hit in what its CRC covers: its records, or how many offsets it says it has.
    auto victim = std::next(m.batches.begin(), static_cast<ptrdiff_t>(f.random.below(m.batches.size())));
    uint64_t position = 0;
    std::string path;
    for (auto at = m.batches.begin();; ++at) {
      const std::string file = world_dir + "/" + m.directory + "/" + layout::log_file(base::offset(at->first));
      if (f.n.disk().exists(file)) {
        path = file;
        position = 0;
      }
      if (at == victim) break;
      position += at->second.bytes.size();
    }
    const uint64_t inside =
        f.random.chance(0.5) ? 24 + f.random.below(3) : 61 + f.random.below(victim->second.bytes.size() - 61);
    REQUIRE(f.n.disk().corrupt(path, position + inside, 1, sim::damage::flip_bit));
    f.restart();
    const int64_t bad_end = std::next(victim) == m.batches.end() ? m.end : std::next(victim)->first;
    for (int round = 0; round < 2; ++round) {
      for (int64_t at = 0; at < m.end; ++at) {
        const bool bad = at >= victim->first && at < bad_end;
        const auto got = f.read(m, at, 200000);
        CHECK(got.ok() == !bad);
        if (got) CHECK(f.check_answer(m, *got, at) > at);
        if (!got) CHECK(got.error().code == base::errc::storage);
      }
      // What was found is remembered, and appends go on.
      f.run_some(10);
      CHECK(f.settle());
      f.stop();
      f.restart();
    }
  }
}

TEST_CASE("log read: damage in a segment without an index leaves what lies before it") {
  log_world f(3450, {.segment_bytes = 60 << 10, .index_interval = 100, .big_chance = 0, .logs = 1});
  f.boot();
  model_log& m = *f.logs[0];
  while (f.find(m)->end().value() < 60) f.run_some(1);
  REQUIRE(f.settle());
  f.stop();
  const std::string first = world_dir + "/" + m.directory + "/" + layout::log_file(base::offset(0));
  // The length of its fifth batch.
  const auto victim = std::next(m.batches.begin(), 4);
  uint64_t position = 0;
  for (auto at = m.batches.begin(); at != victim; ++at) position += at->second.bytes.size();
  REQUIRE(f.n.disk().corrupt(first, position + 8, 4, sim::damage::zeros));
  f.restart();
  REQUIRE(f.w.run(f.n, 0,
                  reactor::remove(f.n.core(), world_dir + "/" + m.directory + "/" + layout::index_file(base::offset(0)))));
  f.check_answer(m, *f.read(m, 0, 100), 0);
  const int64_t before = std::prev(victim)->first;
  const auto got = f.read(m, before, 100);
  REQUIRE(got);
  f.check_answer(m, *got, before);
  CHECK(f.read(m, victim->first, 100).error().code == base::errc::storage);
}

TEST_CASE("log read: a read that is under way when the manager stops ends before its file is closed") {
  log_world f(3460, {.logs = 1});
  f.boot();
  model_log& m = *f.logs[0];
  f.run_and_restart(30);
  f.n.disk().add_rule({.kind = reactor::op_kind::read, .path_part = "/topic-", .error = 0, .delay = base::milliseconds(50)});
  const auto plan = f.find(m)->plan_read(base::offset(0), 100, true);
  REQUIRE(plan);
  auto reading = f.w.start(f.n, 0, f.managers[0]->reader().read(m.id, *plan));
  f.w.run_for(base::milliseconds(20));
  REQUIRE(!reading->done());
  auto stopping = f.w.start(f.n, 0, f.managers[0]->stop());
  REQUIRE(f.w.run_until([&] { return stopping->done(); }, base::seconds(5)));
  CHECK(stopping->take());
  REQUIRE(f.w.run_until([&] { return reading->done(); }, base::seconds(5)));
  (void)reading->take();  // the answer, or that it is closing
}

TEST_CASE("log read: wild headers on disk are errors, never more") {
  for (const uint64_t seed : seeds(3500, 60)) {
    CAPTURE(seed);
    log_world f(seed, {.segment_bytes = 60 << 10, .logs = 1});
    f.boot();
    f.run_some(60);
    REQUIRE(f.settle());
    f.stop();
    model_log& m = *f.logs[0];
    const std::string directory = world_dir + "/" + m.directory;
    const auto files = f.n.disk().list(directory);
    REQUIRE(files);
    for (int i = 0; i < 3; ++i) {
      const auto& file = (*files)[f.random.below(files->size())];
      if (file.size < 100 || file.name == "partition.metadata") continue;
      const uint64_t length = 1 + f.random.below(90);
      REQUIRE(f.n.disk().corrupt(directory + "/" + file.name, f.random.below(file.size - length), length,
                                 f.random.chance(0.5) ? sim::damage::garbage : sim::damage::zeros));
    }
    f.restart();
    for (int64_t at = 0; at < m.end; ++at) {
      const auto got = f.read(m, at, static_cast<uint32_t>(1 + f.random.below(50000)));
      if (!got) CHECK(got.error().code == base::errc::storage);
    }
    (void)f.w.run(f.n, 0, f.managers[0]->reader().find_timestamp(m.id, 1500));
    (void)f.w.run(f.n, 0, f.managers[0]->reader().find_max_timestamp(m.id));
    f.run_some(40);
    CHECK(f.settle());
    (void)f.try_stop();
    f.restart();
  }
}

/// Bases of a log's segments on disk.
std::vector<base::offset> bases_on_disk(log_world& f, const model_log& m) {
  std::vector<base::offset> bases;
  const auto entries = f.n.core().effects().list(world_dir + "/" + m.directory);
  REQUIRE(entries);
  for (const reactor::directory_entry& e : *entries) {
    if (const auto base = layout::parse_log_file(e.name)) bases.push_back(*base);
  }
  std::ranges::sort(bases);
  return bases;
}

TEST_CASE("log read: a search by time misses no segment while others leave before it") {
  log_world f(3900, {.segment_bytes = 30 << 10, .big_chance = 0, .logs = 1});
  f.boot();
  model_log& m = *f.logs[0];
  for (int i = 0; i < 60; ++i) {
    f.clock += 1000;
    REQUIRE(f.append(m, 1, 3000));
    REQUIRE(f.settle());
  }
  f.stop();
  f.restart();
  const std::vector<base::offset> bases = bases_on_disk(f, m);
  REQUIRE(bases.size() > 3);
  const base::offset second = bases[1];
  const base::unix_ms target = m.batches.at(second.value()).times[0];
  f.n.disk().add_rule({.kind = reactor::op_kind::open,
                       .path_part = layout::index_file(second),
                       .error = 0,
                       .delay = base::milliseconds(50)});
  auto looking = f.w.start(f.n, 0, f.managers[0]->reader().find_timestamp(m.id, target));
  f.w.run_for(base::milliseconds(20));
  REQUIRE(!looking->done());
  REQUIRE(f.advance(m, second.value()));
  REQUIRE(f.w.run_until([&] { return looking->done(); }, base::seconds(5)));
  const auto found = looking->take();
  REQUIRE(found);
  CHECK(found->offset == second);
}

}  // namespace
}  // namespace millrace::storage::test
