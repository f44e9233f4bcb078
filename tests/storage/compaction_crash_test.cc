#include "compaction_world.hh"
#include "storage/layout.hh"
#include "storage/segment_swap.hh"

/// Compaction and crashes: at every moment, of the process and of the power.

namespace millrace::storage::test {
namespace {

TEST_CASE("compaction: a crash at any moment of a pass leaves the last record of every key") {
  for (const uint64_t seed : seeds(6000, 60)) {
    CAPTURE(seed);
    compaction_world f(seed);
    f.put_random(250, 30);
    f.roll();
    const bool slow = f.random.chance(0.5);
    if (slow) f.n.disk().faults.write = {base::microseconds(100), base::milliseconds(3)};
    for (unsigned round = 0; round < 3; ++round) {
      auto passing = f.w.start(f.n, 0, f.managers[0]->compaction().run(f.m().id));
      const auto most = static_cast<int64_t>(f.random.below(slow ? 40000 : 4000));
      (void)f.w.run_until([&] { return passing->done(); }, base::microseconds(most));
      f.crash(f.random_crash());
      passing->abandon();
      f.restart();
      f.check_compacted(std::nullopt);
      const auto names = f.files();
      CHECK(std::ranges::none_of(names, [](const std::string& n) { return is_of_compaction(n); }));
      f.put_random(20, 30);
      f.roll();
    }
    f.n.disk().faults.write = {};
    const auto done = f.pass();
    REQUIRE(done);
    f.check_compacted(done->clean_to.value());
  }
}

TEST_CASE("compaction: crashes while a start goes through with it lose nothing either") {
  for (const uint64_t seed : seeds(6500, 30)) {
    CAPTURE(seed);
    compaction_world f(seed);
    f.put_random(250, 30);
    f.roll();
    f.n.disk().faults.write = {base::microseconds(100), base::milliseconds(1)};
    auto passing = f.w.start(f.n, 0, f.managers[0]->compaction().run(f.m().id));
    // The moment at which there is no way back.
    const auto swaps = [&] {
      const auto names = f.files();
      return std::ranges::any_of(names, [](const std::string& n) { return layout::parse_swap_file(n).has_value(); });
    };
    REQUIRE(f.w.run_until(swaps, base::seconds(10)));
    f.w.run_for(base::microseconds(static_cast<int64_t>(f.random.below(600))));
    f.crash(f.random_crash());
    passing->abandon();
    f.restart_with_crashes(3);
    f.check_compacted(std::nullopt);
  }
}

TEST_CASE("compaction: what is appended and rolled while segments before it become fewer outlives every crash") {
  for (const uint64_t seed : seeds(6700, 40)) {
    CAPTURE(seed);
    compaction_world f(seed);
    f.put_random(600, 30);
    f.roll();
    REQUIRE(f.pass());  // small segments, which the next pass makes one of
    f.put_random(60, 30);
    f.roll();
    f.n.disk().faults.write = {base::microseconds(100), base::milliseconds(3)};
    f.n.disk().add_rule(
        {.kind = reactor::op_kind::truncate, .path_part = f.l().directory(), .error = 0, .delay = base::milliseconds(10)});
    auto passing = f.w.start(f.n, 0, f.managers[0]->compaction().run(f.m().id));
    bool smaller = false;
    while (!passing->done() && !smaller) {
      // Destaging is at a segment when that is rolled: it closes that one, and has the next ones still to write.
      f.managers[0]->commit_space_wanted();
      f.put_random(1 + static_cast<unsigned>(f.random.below(80)), 30);
      const uint64_t bytes = f.l().size_bytes();
      smaller = f.w.run_until([&] { return f.l().size_bytes() < bytes; }, base::microseconds(500));
    }
    // What it then calls durable.
    const uint64_t before = f.managers[0]->counters().checkpoints;
    REQUIRE(f.w.run_until([&] { return f.managers[0]->counters().checkpoints > before; }, base::seconds(10)));
    f.crash({.keep = 0});
    passing->abandon();
    f.n.disk().faults.write = {};
    f.n.disk().clear_rules();
    f.restart();
    f.check_compacted(std::nullopt);
    f.put_random(20, 30);
    f.roll();
    f.check_compacted(std::nullopt);
  }
}

TEST_CASE("compaction: indexes that a reader rebuilds meanwhile are not taken for the new segment's") {
  for (const uint64_t seed : seeds(6800, 10)) {
    CAPTURE(seed);
    compaction_world f(seed);
    const auto put_some = [&](unsigned records, uint64_t first_key) {
      for (unsigned i = 0; i < records; ++i) {
        f.w.run_for(base::milliseconds(10));
        f.put_one("k" + std::to_string(first_key + f.random.below(50)), std::string(100, 'v'));
      }
      f.w.run_for(base::milliseconds(10));
      f.roll();
    };
    put_some(300, 0);
    REQUIRE(f.pass());  // what it makes has no index files yet
    put_some(40, 25);   // becomes one with it, and longer than it is
    f.stop();
    f.restart();
    f.n.disk().add_rule({.kind = reactor::op_kind::rename,
                         .path_part = "00000000000000000000.index.new",
                         .error = 0,
                         .delay = base::milliseconds(f.random.between(100, 1000))});
    auto looking = f.w.start(f.n, 0, f.managers[0]->reader().find_timestamp(f.m().id, 0));
    // The indexes can be used by then.
    const auto being_written = [&] {
      return std::ranges::any_of(f.files(), [](const std::string& n) { return n.ends_with(".index.new"); });
    };
    REQUIRE(f.w.run_until(being_written, base::seconds(10)));
    auto passing = f.w.start(f.n, 0, f.managers[0]->compaction().run(f.m().id));
    REQUIRE(f.w.run_until([&] { return looking->done() && passing->done(); }, base::seconds(60)));
    REQUIRE(passing->take());
    f.crash({sim::crash_kind::power, -1});
    f.restart();
    f.check_times();
  }
}

}  // namespace
}  // namespace millrace::storage::test
