#include "compaction_world.hh"
#include "storage/layout.hh"
#include "storage/segment_swap.hh"

/// Compaction: the last record of each key stays where it was, the others go.

namespace millrace::storage::test {
namespace {

using record::codec;

size_t log_files(compaction_world& f) {
  const auto names = f.files();
  return static_cast<size_t>(
      std::ranges::count_if(names, [](const std::string& n) { return layout::parse_log_file(n).has_value(); }));
}

TEST_CASE("compaction: of each key the last record stays, at its offset, and small segments become one") {
  for (const uint64_t seed : seeds(4000, 6)) {
    CAPTURE(seed);
    compaction_world f(seed);
    f.put_random(400, 40);
    f.roll();
    const uint64_t size_before = f.l().size_bytes();
    REQUIRE(f.look());
    CHECK(f.look()->dirty_ratio == 1.0);
    const auto done = f.pass();
    REQUIRE(done);
    CHECK(done->clean_to.value() > 300);
    CHECK(done->bytes_after * 2 < done->bytes_before);
    CHECK(f.l().size_bytes() < size_before);
    f.check_compacted(done->clean_to.value());
    CHECK_FALSE(f.look());

    // More of it: what is clean is compacted with what is dirty.
    f.put_random(200, 40);
    f.roll();
    REQUIRE(f.look());
    CHECK(f.look()->dirty_ratio < 1.0);
    const size_t before = log_files(f);
    const auto again = f.pass();
    REQUIRE(again);
    CHECK(log_files(f) < before);
    f.check_compacted(again->clean_to.value());

    f.stop();
    f.restart();
    f.check_compacted(again->clean_to.value());
    CHECK_FALSE(f.look());
  }
}

TEST_CASE("compaction: a log whose keys do not fit the memory for them takes several passes") {
  world_setup o;
  o.compaction_map_bytes = 64 << 10;  // 2,047 keys
  compaction_world f(4100, o);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 1200; ++i) {
      std::vector<keyed_record> records;
      for (int j = 0; j < 3; ++j) records.push_back({std::to_string(i * 3 + j), "v", f.now_ms()});
      f.put(records, codec::lz4);
    }
  }
  f.roll();
  unsigned passes = 0;
  int64_t clean_to = 0;
  while (f.look()) {
    const auto done = f.pass();
    REQUIRE(done);
    CHECK(done->clean_to.value() > clean_to);
    clean_to = done->clean_to.value();
    REQUIRE(++passes < 10);
    f.read_all();
  }
  CHECK(passes >= 3);
  CHECK(f.read_all().size() < 4000);
}

TEST_CASE("compaction: a tombstone stays for delete.retention.ms after what it deletes is gone") {
  world_setup o;
  o.delete_retention_ms = 60000;
  compaction_world f(4200, o);
  f.put_one("a", "1");
  f.put_one("b", "2");
  f.put_one("a", std::nullopt);
  f.roll();
  REQUIRE(f.pass());
  const auto has_tombstone = [&] {
    const auto all = f.read_all();
    return std::ranges::any_of(all, [](const auto& s) { return s.record.key == "a"; });
  };
  CHECK(has_tombstone());
  CHECK(f.read_all().front().record.key == "b");

  f.w.run_for(base::seconds(30));
  f.put_one("c", "3");
  f.roll();
  REQUIRE(f.pass());
  CHECK(has_tombstone());

  f.w.run_for(base::seconds(31));
  f.put_one("d", "4");
  f.roll();
  REQUIRE(f.pass());
  CHECK_FALSE(has_tombstone());
  CHECK(f.read_all().front().record.key == "b");
}

TEST_CASE("compaction: a batch whose records all went is not there, but where a segment ends with it") {
  compaction_world f(4300);
  for (int i = 0; i < 60; ++i) f.put_one("same", std::string(900, 'x'));
  f.roll();
  f.put_one("same", "last");
  f.roll();
  REQUIRE(f.pass());
  const auto all = f.read_all();
  CHECK(std::ranges::count_if(all, [](const auto& s) { return s.record.key == "same"; }) == 1);
  // Each offset that was there can be asked for: the answer is what comes next.
  for (int64_t at = 0; at < f.l().acknowledged().value(); ++at) {
    const auto got = f.read(f.m(), at, 1);
    REQUIRE(got);
    CHECK(got->bytes > 0);
  }
  f.stop();
  f.restart();
  CHECK(f.read_all().size() == all.size());
}

TEST_CASE("compaction: records that are younger than min.compaction.lag.ms are left alone") {
  world_setup o;
  o.min_compaction_lag_ms = 10000;
  compaction_world f(4400, o);
  f.put_random(100, 5);
  f.roll();
  CHECK_FALSE(f.look());
  f.w.run_for(base::seconds(11));
  REQUIRE(f.look());
  const int64_t old = f.l().acknowledged().value();
  f.put_random(100, 5);
  f.roll();
  const auto done = f.pass();
  REQUIRE(done);
  CHECK(done->clean_to.value() <= old);
  f.check_compacted(done->clean_to.value());
}

TEST_CASE("compaction: a log with a record older than max.compaction.lag.ms is overdue, though nothing is appended to it") {
  world_setup o;
  o.max_compaction_lag_ms = 10000;
  compaction_world f(4500, o);
  f.put_random(10, 3, 0);
  f.rest();
  CHECK_FALSE(f.look());
  f.w.run_for(base::seconds(11));
  (void)f.look();  // ends the active segment
  f.w.run_for(base::seconds(1));
  const auto seen = f.look();
  REQUIRE(seen);
  CHECK(seen->overdue);
  REQUIRE(f.pass());
  CHECK(f.read_all().size() <= 3);
}

TEST_CASE("compaction: who reads meanwhile gets each record once, whatever is replaced under him") {
  for (const uint64_t seed : seeds(4600, 10)) {
    CAPTURE(seed);
    compaction_world f(seed);
    f.put_random(500, 200);
    f.roll();
    f.stop();
    f.restart();
    f.n.disk().faults.read = {base::microseconds(50), base::milliseconds(3)};
    auto passing = f.w.start(f.n, 0, f.managers[0]->compaction().run(f.m().id));
    while (!passing->done()) f.read_all(static_cast<int64_t>(f.random.below(100)));
    const auto done = passing->take();
    REQUIRE(done);
    f.n.disk().faults.read = {};
    f.check_compacted(done->clean_to.value());
  }
}

TEST_CASE("compaction: it reads and writes no more in a second than it may, and a stop does not wait for its rest") {
  world_setup o;
  o.compaction_bytes_per_second = 10000;
  compaction_world f(4650, o);
  for (int i = 0; i < 300; ++i) f.put_one("k" + std::to_string(i), std::string(900, 'v'));
  f.roll();
  const base::instant begin = f.w.now();
  auto passing = f.w.start(f.n, 0, f.managers[0]->compaction().run(f.m().id));
  REQUIRE(f.w.run_until([&] { return passing->done(); }, base::seconds(600)));
  REQUIRE(passing->take());
  // All of it is read twice and written once.
  CHECK((f.w.now() - begin).ms() > 3 * 300 * 900 / 10000 * 1000 * 8 / 10);

  for (int i = 0; i < 300; ++i) f.put_one("k" + std::to_string(i), std::string(900, 'w'));
  f.roll();
  passing = f.w.start(f.n, 0, f.managers[0]->compaction().run(f.m().id));
  f.w.run_for(base::seconds(3));
  CHECK(!passing->done());
  f.managers[0]->compaction().stop();
  CHECK(f.w.run_until([&] { return passing->done(); }, base::milliseconds(500)));
  (void)passing->take();
}

TEST_CASE("compaction: a log that was rolled for a batch that was then refused goes on") {
  for (const bool restarted : {false, true}) {
    CAPTURE(restarted);
    compaction_world f(4750);
    f.put_random(200, 20);
    f.rest();
    std::vector<uint8_t> bytes;
    record::batch_builder builder(bytes, {});
    const std::string large(60000, 'v');  // no segment has room for it behind what it holds
    builder.add({.timestamp = f.now_ms(), .key = base::as_bytes("k"), .value = base::as_bytes(large)});
    REQUIRE(builder.finish());
    bytes.back() ^= 1;
    const auto batch = record::batch_view::frame(bytes);
    const uint64_t rolls = f.managers[0]->counters().rolls;
    CHECK(f.l().append(*batch, base::leader_epoch(1), crc_check::compute).error().code == base::errc::corrupt);
    REQUIRE(f.managers[0]->counters().rolls == rolls + 1);
    const uint64_t checkpoints = f.managers[0]->counters().checkpoints;
    f.managers[0]->commit_space_wanted();  // destaging closes the segment
    REQUIRE(f.w.run_until([&] { return f.managers[0]->counters().checkpoints > checkpoints; }, base::seconds(10)));
    f.rest();
    const auto done = f.pass();
    REQUIRE(done);
    CHECK(done->clean_to == f.l().acknowledged());
    if (restarted) {
      f.stop();
      f.restart();
    }
    f.put_random(200, 20);
    f.roll();
    f.check_compacted(std::nullopt);
    f.stop();
    f.restart();
    f.check_compacted(std::nullopt);
  }
}

TEST_CASE("compaction: reads by time find the records that are left") {
  compaction_world f(4700);
  for (int i = 0; i < 300; ++i) {
    f.put_one("k" + std::to_string(i % 50), std::string(100, 'v'));
    f.w.run_for(base::milliseconds(10));
  }
  f.roll();
  REQUIRE(f.pass());
  f.check_times();
}

TEST_CASE("compaction: a log that is removed, damaged, or starts further on is let go") {
  SUBCASE("removed") {
    compaction_world f(4800);
    f.put_random(400, 20);
    f.roll();
    f.n.disk().faults.write = {base::milliseconds(5), base::milliseconds(5)};
    auto passing = f.w.start(f.n, 0, f.managers[0]->compaction().run(f.m().id));
    f.w.run_for(base::milliseconds(12));
    CHECK(!passing->done());
    CHECK(f.remove(f.m()));
    REQUIRE(f.w.run_until([&] { return passing->done(); }, base::seconds(60)));
    CHECK(passing->take().error().code == base::errc::closed);
  }
  SUBCASE("starts further on") {
    compaction_world f(4801);
    f.put_random(400, 20);
    f.roll();
    f.n.disk().faults.write = {base::milliseconds(5), base::milliseconds(5)};
    auto passing = f.w.start(f.n, 0, f.managers[0]->compaction().run(f.m().id));
    f.w.run_for(base::milliseconds(12));
    CHECK(f.advance(f.m(), f.l().acknowledged().value() - 3));
    REQUIRE(f.w.run_until([&] { return passing->done(); }, base::seconds(60)));
    f.n.disk().faults.write = {};
    f.w.run_for(base::seconds(5));
    CHECK(f.l().log_start().value() == f.l().acknowledged().value() - 3);
    f.read_all();
    CHECK(log_files(f) <= 2);
  }
}

TEST_CASE("compaction: a stop ends a pass, and the next start finds the log whole") {
  for (int after = 1; after < 40; after += 3) {
    CAPTURE(after);
    compaction_world f(4900);
    f.put_random(300, 20);
    f.roll();
    f.n.disk().faults.write = {base::milliseconds(2), base::milliseconds(2)};
    auto passing = f.w.start(f.n, 0, f.managers[0]->compaction().run(f.m().id));
    f.w.run_for(base::milliseconds(after));
    f.managers[0]->compaction().stop();
    REQUIRE(f.w.run_until([&] { return passing->done(); }, base::seconds(60)));
    (void)passing->take();
    f.stop();
    f.n.disk().faults.write = {};
    f.restart();
    CHECK(f.recovered_clean);
    f.check_compacted(std::nullopt);
    const auto names = f.files();
    CHECK(std::ranges::none_of(names, [](const std::string& n) { return is_of_compaction(n); }));
  }
}

TEST_CASE("compaction: where the disk is full nothing is lost, and the next pass goes on") {
  compaction_world f(5000);
  f.put_random(300, 20);
  f.roll();
  f.n.disk().add_rule({.kind = reactor::op_kind::allocate, .path_part = ".cleaned", .count = 1, .error = ENOSPC});
  CHECK(f.pass().error().code == base::errc::no_space);
  f.check_compacted(std::nullopt);
  const auto names = f.files();
  CHECK(std::ranges::none_of(names, [](const std::string& n) { return is_of_compaction(n); }));
  const auto done = f.pass();
  REQUIRE(done);
  f.check_compacted(done->clean_to.value());
}

TEST_CASE("compaction: whichever flush of the directory fails, no later pass makes what it left a loss") {
  world_setup o;
  o.segment_time = base::milliseconds(200);
  for (uint64_t skip = 1; skip < 9; ++skip) {  // the first is that of the active segment, which takes the log offline
    CAPTURE(skip);
    compaction_world f(5100, o);
    const auto put_segments = [&] {
      for (int i = 0; i < 3; ++i) {
        f.put_random(5, 20);
        f.rest();
      }
      f.put_one("active", "the segment before it is closed");
      f.rest();
    };
    put_segments();
    f.n.disk().add_rule({.kind = reactor::op_kind::sync_dir, .path_part = f.l().directory(), .skip = skip, .count = 1});
    (void)f.pass();
    f.n.disk().clear_rules();
    put_segments();
    REQUIRE(f.pass());
    f.check_compacted(std::nullopt);
    f.crash();
    f.restart();
    f.check_compacted(std::nullopt);
  }
}

}  // namespace
}  // namespace millrace::storage::test
