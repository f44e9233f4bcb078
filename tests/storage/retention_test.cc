#include "log_world.hh"

#include "storage/layout.hh"

/// Which segments have outlived what a topic asks for, and what becomes of the active one.

namespace millrace::storage::test {
namespace {

constexpr size_t value_bytes = 1900;  ///< of a batch of one record, which takes a little more

/// One log of segments of four batches; a batch's time is its offset in seconds, after `first_time`.
struct kept_world : log_world {
  explicit kept_world(unsigned batches)
      : log_world(9100, {.segment_bytes = 8 << 10, .big_chance = 0, .logs = 1, .pool_bytes = 0}) {
    boot();
    first_time = n.core().wall_clock() - 1000 * 1000;
    for (unsigned i = 0; i < batches; ++i) append_at(first_time + int64_t{i} * 1000);
    rest();
  }
  model_log& m() { return *logs[0]; }
  log& live() { return *find(m()); }
  void append_at(base::unix_ms time) {
    model_log& one = m();
    std::vector<uint8_t> bytes = make_world_batch(random, {time}, value_bytes);
    auto done = live().append(*record::batch_view::frame(bytes), start_number, crc_check::compute);
    for (int tries = 0; !done && tries < 100; ++tries) {
      w.run_for(base::milliseconds(1));
      done = live().append(*record::batch_view::frame(bytes), start_number, crc_check::compute);
    }
    REQUIRE(done);
    record::stamp(bytes.data(), done->first, start_number);
    one.end = done->next.value();
    one.batches[done->first.value()] = {std::move(bytes), {time}};
  }
  /// Everything is acknowledged, and what is sealed closed.
  void rest() {
    REQUIRE(settle());
    w.run_for(base::milliseconds(100));
  }
  void keep(int64_t ms, int64_t bytes) {
    log_config c = config();
    c.retention_ms = ms;
    c.retention_bytes = bytes;
    live().configure(c);
  }
  /// As retention.ms: what is older than the batch at `offset` goes.
  int64_t ms_of(int64_t offset) { return n.core().wall_clock() - (first_time + offset * 1000); }
  int64_t look() {
    const auto start = w.run(n, 0, managers[0]->retention().look(m().id));
    REQUIRE(start);
    return start->value();
  }
  base::unix_ms first_time = 0;
};

TEST_CASE("retention: by size the oldest segments go while what is left would not be less") {
  kept_world f(18);  // segments at 0, 4, 8, 12, and 16 with two batches
  const auto total = static_cast<int64_t>(f.live().size_bytes());
  const int64_t segment = total / 18 * 4;
  struct row {
    const char* name;
    int64_t bytes;
    int64_t start;
  };
  const row rows[] = {
      {"no bound", -1, 0},
      {"more than there is", total + 1, 0},
      {"as much as there is", total, 0},
      {"one byte more than without the oldest", total - segment + 1, 0},
      {"what is left without the oldest", total - segment, 4},
      {"less than that", total - segment - 1, 4},
      {"without two", total - 2 * segment, 8},
      {"one byte more than that", total - 2 * segment + 1, 4},
      {"the active one alone", total - 4 * segment, 16},
      {"less than the active one", 1, 16},
      {"nothing", 0, 18},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    f.keep(-1, r.bytes);
    CHECK(f.look() == r.start);
  }
}

TEST_CASE("retention: by time whole segments go whose largest timestamp is too far back") {
  kept_world f(18);
  struct row {
    const char* name;
    int64_t kept;  ///< offset of the oldest batch that is not too old; -1: no bound
    int64_t start;
  };
  const row rows[] = {
      {"no bound", -1, 0},
      {"all are young", 0, 0},
      {"the first is old", 1, 0},
      {"all but the last", 3, 0},
      {"a segment", 4, 4},
      {"and a part of the next", 7, 4},
      {"two", 8, 8},
      {"all closed ones", 16, 16},
      {"all but the newest", 17, 16},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    f.keep(r.kept < 0 ? -1 : f.ms_of(r.kept), -1);
    CHECK(f.look() == r.start);
  }
  // The one that takes more.
  f.keep(f.ms_of(4), 1);
  CHECK(f.look() == 16);
  f.keep(f.ms_of(8), static_cast<int64_t>(f.live().size_bytes()));
  CHECK(f.look() == 8);
}

TEST_CASE("retention: a segment with one young record stays, and all behind it") {
  kept_world f(6);
  f.append_at(f.n.core().wall_clock());  // in the second segment
  for (int i = 0; i < 8; ++i) f.append_at(f.first_time);
  f.rest();
  f.keep(1000, -1);
  CHECK(f.look() == 4);
}

TEST_CASE("retention: the active segment is sealed and goes when its newest record is too old") {
  kept_world f(18);
  f.keep(f.ms_of(17) - 1, -1);
  const uint64_t rolls = f.managers[0]->counters().rolls;
  CHECK(f.look() == 18);
  CHECK(f.managers[0]->counters().rolls == rolls + 1);
  CHECK(f.look() == 18);  // an empty one is not sealed again
  CHECK(f.managers[0]->counters().rolls == rolls + 1);
  REQUIRE(f.advance(f.m(), 18));
  CHECK(f.live().log_start() == base::offset(18));
  CHECK(f.live().size_bytes() == 0);
  CHECK(!f.n.disk().exists(world_dir + "/topic-0/" + layout::log_file(base::offset(16))));
  f.append_at(f.n.core().wall_clock());
  f.rest();
  CHECK(f.look() == 18);
  f.check_log(f.m(), 18);
  f.crash();
  f.restart();
  f.check_log(f.m(), 18);
  f.append_at(f.n.core().wall_clock());
  f.rest();
  f.stop();
  f.restart();
  CHECK(f.recovered_clean);
  f.check_log(f.m(), 18);
}

TEST_CASE("retention: an emptied log goes on where it ended, whatever ends the process") {
  for (const int ending : {0, 1, 2}) {
    CAPTURE(ending);
    kept_world f(6);
    f.keep(0, -1);
    CHECK(f.look() == 6);
    if (ending != 2) REQUIRE(f.advance(f.m(), 6));
    if (ending == 0) f.stop();
    if (ending == 1) f.crash();
    if (ending == 2) f.crash({sim::crash_kind::process, -1});  // sealed, and nothing raised
    f.restart();
    CHECK(f.live().end() == base::offset(6));
    CHECK(f.live().log_start() == base::offset(ending == 2 ? 0 : 6));
    f.append_at(f.n.core().wall_clock());
    f.rest();
    f.check_log(f.m(), ending == 2 ? 0 : 6);
  }
}

TEST_CASE("retention: an active segment of which everything was deleted goes, whatever is kept") {
  for (const bool crash : {false, true}) {
    CAPTURE(crash);
    kept_world f(6);
    f.stop();  // so that its file is there
    f.restart();
    REQUIRE(f.advance(f.m(), 6));
    CHECK(f.n.disk().exists(world_dir + "/topic-0/" + layout::log_file(base::offset(4))));
    if (crash) {
      f.crash();
      f.restart();
    }
    CHECK(f.look() == 6);
    f.w.run_for(base::milliseconds(1500));
    CHECK(!f.n.disk().exists(world_dir + "/topic-0/" + layout::log_file(base::offset(4))));
    CHECK(f.live().size_bytes() == 0);
    f.append_at(f.first_time);
    f.rest();
    f.check_log(f.m(), 6);
    CHECK(f.look() == 6);
  }
}

TEST_CASE("retention: what is on its way to the disk is not judged") {
  kept_world f(6);
  f.keep(0, 0);
  f.n.disk().add_rule(
      {.kind = reactor::op_kind::write, .path_part = "/commit/", .error = 0, .delay = base::milliseconds(50)});
  f.append_at(f.first_time);
  CHECK(f.look() == 4);
  CHECK(f.live().end() == base::offset(7));
  f.n.disk().clear_rules();
  f.rest();
  CHECK(f.look() == 7);
}

TEST_CASE("retention: timestamps that a start does not know are read, and only where they can decide") {
  for (const bool clean : {true, false}) {
    CAPTURE(clean);
    kept_world f(18);
    if (clean) f.stop();
    if (!clean) f.crash({sim::crash_kind::process, -1});
    f.restart();
    f.keep(f.ms_of(8), -1);
    CHECK(f.look() == 8);
    // The first of the log is young enough: no other is asked.
    const uint64_t before = f.n.port().ended();
    f.keep(f.ms_of(0) + 1000, -1);
    CHECK(f.look() == 0);
    CHECK(f.n.port().ended() == before);
    f.keep(0, -1);
    CHECK(f.look() == 18);
  }
}

TEST_CASE("retention: records without a time count from when their segment was made or found") {
  kept_world f(0);
  for (int i = 0; i < 9; ++i) f.append_at(-1);
  f.rest();
  f.keep(60'000, -1);
  CHECK(f.look() == 0);
  f.w.run_for(base::seconds(30));
  f.stop();
  f.restart();
  f.keep(60'000, -1);
  f.w.run_for(base::seconds(50));
  CHECK(f.look() == 0);
  f.w.run_for(base::seconds(20));
  CHECK(f.look() == 9);
}

TEST_CASE("retention: a log that is gone, or a manager that stops, has nothing to say") {
  kept_world f(6);
  f.keep(0, 0);
  const log_id nobody{f.m().id.topic, 99};
  CHECK(f.w.run(f.n, 0, f.managers[0]->retention().look(nobody)).error().code == base::errc::closed);
  REQUIRE(f.remove(f.m()));
  CHECK(f.w.run(f.n, 0, f.managers[0]->retention().look(f.m().id)).error().code == base::errc::closed);
  f.drop(f.m());
}

}  // namespace
}  // namespace millrace::storage::test
