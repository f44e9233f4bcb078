#include "log_world.hh"

#include <set>

#include "base/crc32c.hh"
#include "record/batch_header.hh"
#include "storage/layout.hh"

/// When a log rolls: by time, by the size of its indexes, by the span of its offsets; also after restarts.

namespace millrace::storage::test {
namespace {

void append_and_settle(log_world& f, model_log& m, size_t value_bytes) {
  base::result<void> done = f.append(m, 1, value_bytes);
  for (int i = 0; i < 1000 && !done; ++i) {
    REQUIRE(done.error().code == base::errc::busy);
    f.w.run_for(base::milliseconds(1));
    done = f.append(m, 1, value_bytes);
  }
  REQUIRE(done);
  REQUIRE(f.settle());
}

enum class restart_by : uint8_t { nothing, stop, crash };

void restart(log_world& f, restart_by how) {
  if (how == restart_by::nothing) return;
  if (how == restart_by::stop) {
    f.stop();
  } else {
    f.crash({sim::crash_kind::process, -1});
  }
  f.restart();
}

/// Sizes of a log's files whose names end so.
std::vector<uint64_t> sizes_of(log_world& f, const model_log& m, std::string_view ending) {
  std::vector<uint64_t> sizes;
  const auto entries = f.n.core().effects().list(world_dir + "/" + m.directory);
  REQUIRE(entries);
  for (const reactor::directory_entry& e : *entries) {
    if (e.name.ends_with(ending)) sizes.push_back(e.size);
  }
  return sizes;
}

TEST_CASE("log roll: by time, counted from the first batch's timestamp, whatever happened since") {
  for (const restart_by how : {restart_by::nothing, restart_by::stop, restart_by::crash}) {
    // Ends inside of a block, and where one ends: a batch of one record has 61 bytes before its record, 8 and more of it.
    for (const size_t value : {size_t{1000}, size_t{4096 - 70}, size_t{4096 - 71}, size_t{4096 - 72}}) {
      CAPTURE(value);
      CAPTURE(static_cast<int>(how));
      log_world f(6000, {.big_chance = 0, .logs = 1, .segment_time = base::seconds(3)});
      f.boot();
      model_log& m = *f.logs[0];
      append_and_settle(f, m, value);
      restart(f, how);
      append_and_settle(f, m, 100);
      CHECK(f.managers[0]->counters().rolls == 0);
      f.clock += 10000;
      restart(f, how);
      append_and_settle(f, m, 100);
      CHECK(f.managers[0]->counters().rolls == 1);
      f.check_log(m, 0);
    }
  }
}

TEST_CASE("log roll: segment.jitter.ms takes another part off segment.ms for each segment, the same after a restart") {
  for (const restart_by how : {restart_by::nothing, restart_by::stop}) {
    CAPTURE(static_cast<int>(how));
    constexpr int64_t least = 2000, most = 10000, step = 500;
    log_world f(6010, {.big_chance = 0,
                       .logs = 1,
                       .segment_time = base::milliseconds(most),
                       .segment_jitter = base::milliseconds(most - least)});
    f.boot();
    model_log& m = *f.logs[0];
    std::set<int64_t> ages;
    append_and_settle(f, m, 100);
    for (int segments = 0; segments < 12; ++segments) {
      int64_t age = 0;
      for (bool rolled = false; !rolled;) {
        REQUIRE(age < most + 2 * step);  // the times of the world's batches go back now and then, by less than a second
        restart(f, how);
        const uint64_t before = f.managers[0]->counters().rolls;
        f.clock += step;
        age += step;
        append_and_settle(f, m, 100);
        rolled = f.managers[0]->counters().rolls > before;
      }
      CHECK(age + 2 * step >= least);
      ages.insert(age);
    }
    CHECK(ages.size() >= 4);
    f.check_log(m, 0);
  }
}

TEST_CASE(
    "log roll: a segment of a topic that preallocates has all of its space from its first write, and is cut at its end") {
  for (const bool preallocate : {false, true}) {
    CAPTURE(preallocate);
    log_world f(6020, {.segment_bytes = 1 << 20, .big_chance = 0, .logs = 1, .preallocate = preallocate, .pool_bytes = 0});
    f.boot();
    model_log& m = *f.logs[0];
    append_and_settle(f, m, 10000);
    f.w.run_for(base::seconds(1));
    const std::vector<uint64_t> grown = sizes_of(f, m, ".log");
    REQUIRE(grown.size() == 1);
    CHECK(grown[0] == (preallocate ? uint64_t{1} << 20 : uint64_t{64} << 10));
    f.stop();
    f.w.restart(f.n, 1);
    const std::vector<uint64_t> cut = sizes_of(f, m, ".log");
    REQUIRE(cut.size() == 1);
    CHECK(cut[0] < 16384);
    f.w.crash(f.n);
    f.restart();
    f.check_log(m, 0);
  }
}

TEST_CASE("log roll: by segment.index.bytes, for both indexes, across restarts") {
  for (const restart_by how : {restart_by::nothing, restart_by::stop, restart_by::crash}) {
    CAPTURE(static_cast<int>(how));
    log_world f(6100, {.index_interval = 100, .big_chance = 0, .logs = 1, .segment_index_bytes = 96});
    f.boot();
    model_log& m = *f.logs[0];
    for (int i = 0; i < 60; ++i) {
      f.clock += 10;
      append_and_settle(f, m, 200);
      if (i % 3 == 2) restart(f, how);
    }
    f.stop();
    for (const std::string_view ending : {".index", ".timeindex"}) {
      f.w.restart(f.n, 1);
      for (const uint64_t size : sizes_of(f, m, ending)) CHECK(size <= 96);
      f.w.crash(f.n);
    }
    f.restart();
    // Not with every batch either: an index of 96 bytes has room for some.
    CHECK(sizes_of(f, m, ".log").size() >= 5);
    CHECK(sizes_of(f, m, ".log").size() <= 30);
    f.check_log(m, 0);
  }
}

TEST_CASE("log roll: where an index could not say an offset any more") {
  log_world f(6200, {.big_chance = 0, .logs = 1});
  f.boot();
  model_log& m = *f.logs[0];
  constexpr int32_t delta = (1 << 30) - 1;
  for (int i = 0; i < 4; ++i) {
    // As compaction leaves them: few records, many offsets.
    std::vector<uint8_t> bytes = make_world_batch(f.random, {f.clock}, 6000);
    base::store_big<int32_t>(bytes.data() + record::header::last_offset_delta_at, delta);
    base::store_big<uint32_t>(bytes.data() + record::header::crc_at,
                              base::crc32c(0, base::bytes(bytes).subspan(record::header::checked_at)));
    const auto done = f.find(m)->append(*record::batch_view::frame(bytes), f.start_number, crc_check::compute);
    REQUIRE(done);
    m.end = done->next.value();
    REQUIRE(f.settle());
    CHECK(f.managers[0]->counters().rolls == (i < 2 ? 0 : 1));
  }
  f.stop();
  f.restart();
  CHECK(f.recovered_clean);
  CHECK(f.find(m)->end().value() == int64_t{4} << 30);
}

}  // namespace
}  // namespace millrace::storage::test
