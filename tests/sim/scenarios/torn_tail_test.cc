#include "story.hh"

/// The power goes while something is on its way to the disk: what was acknowledged is there, what was not is there whole
/// or not at all, and the log goes on behind it.

namespace millrace::swarm {
namespace {

constexpr size_t sector = 512;

/// How many sectors differ.
size_t changed_sectors(const std::vector<uint8_t>& before, const std::vector<uint8_t>& after) {
  size_t changed = 0;
  for (size_t at = 0; at + sector <= std::min(before.size(), after.size()); at += sector) {
    if (!std::equal(before.begin() + static_cast<ptrdiff_t>(at), before.begin() + static_cast<ptrdiff_t>(at + sector),
                    after.begin() + static_cast<ptrdiff_t>(at)))
      ++changed;
  }
  return changed;
}

}  // namespace

TEST_CASE("torn tail: a record torn by the power is no data, whatever sectors of it arrived") {
  unsigned torn = 0;
  std::set<int64_t> ends;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    story f(seed);
    f.start();
    REQUIRE(f.create("t") == none);
    for (int i = 0; i < 5; ++i) f.keep("t", 0, 3000);
    f.world.run_for(base::seconds(1));
    const std::vector<uint8_t> before = *f.disk().contents(commit_path);
    f.disk().add_rule({.kind = reactor::op_kind::write, .path_part = commit_path, .error = 0, .delay = base::seconds(30)});
    const story::offer& last = f.send("t", 0, f.batch(9000));
    f.world.run_for(base::seconds(1));
    CHECK(!last.answered());
    f.cut(seed % 4 == 0 ? 1.0 : 0.9);
    f.disk().clear_rules();
    const size_t changed = changed_sectors(before, *f.disk().contents(commit_path));
    if (changed > 0 && changed < 9000 / sector) ++torn;
    f.start();
    const int64_t end = f.end_of("t", 0);
    CHECK((end == 5 || end == 6));
    ends.insert(end);
    f.goes_on();
    f.audit();
    f.cut();
    f.start();
    f.audit();
  }
  CHECK(torn >= 5);
  CHECK(ends.size() == 2);
}

TEST_CASE("between write and flush: an acknowledgement rests on no flush, and what waits for one is not acknowledged") {
  for (uint64_t seed = 1; seed <= 9; ++seed) {
    CAPTURE(seed);
    const double keep = static_cast<double>(seed % 3) / 2;
    CAPTURE(keep);
    story f(seed);
    f.start();
    REQUIRE(f.create("t", 2) == none);
    for (const reactor::op_kind flush : {reactor::op_kind::sync, reactor::op_kind::sync_dir})
      f.disk().add_rule({.kind = flush, .error = 0, .delay = base::seconds(600)});
    for (int i = 0; i < 20; ++i) f.keep("t", i % 2, 4000);
    const story::offer& late = f.send_create("late");
    f.world.run_for(base::seconds(2));
    CHECK(!late.answered());
    f.cut(keep);
    f.disk().clear_rules();
    f.start();
    CHECK(f.end_of("t", 0) == 10);
    CHECK(f.end_of("t", 1) == 10);
    f.audit();
    // The topic is there or is not; either way its name can be had.
    const int16_t again = f.create("late");
    CHECK((again == none || again == topic_already_exists));
    if (keep == 0) CHECK(again == none);
    if (again != none) f.seen.add("late", 1);
    f.goes_on();
    f.audit();
    f.stop();
  }
}

TEST_CASE("between write and flush: an index that is made again is the whole one or none") {
  unsigned cut_off = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    story f(seed);
    f.start();
    REQUIRE(f.create("t") == none);
    for (int i = 0; i < 22; ++i) f.keep("t", 0, 50000);
    const int64_t last = f.clients.core().wall_clock();
    f.stop();
    const std::string first = segment_path("t", 0, 0);
    const std::string stem = first.substr(0, first.size() - 3);
    for (const char* index : {"index", "timeindex"}) REQUIRE(f.disk().remove(stem + index) == 0);
    f.start();
    // The first question by time finds that there is none, and makes it; the power goes somewhere on the way.
    const uint64_t begin = f.operations();
    const story::offer& question = f.send_time("t", 0, last);
    REQUIRE(f.run_until([&] { return question.answered() || f.operations() >= begin + 3 + seed % 14; }));
    if (!question.answered()) ++cut_off;
    f.cut(seed % 2 == 0 ? 0.5 : 0.97);
    f.start();
    f.audit();
    f.stop();
  }
  CHECK(cut_off > 5);
}

TEST_CASE(
    "torn tail: a clean stop cuts a segment to its last batch, also where a crash left it in whole blocks and nothing came "
    "since") {
  for (const size_t blocks : {size_t{1}, size_t{16}}) {
    CAPTURE(blocks);
    story f(31);
    f.start();
    REQUIRE(f.create("t") == none);
    const made_batch only = f.batch(3000);
    REQUIRE(f.produce("t", 0, only).code == none);
    f.stop();
    const std::string path = segment_path("t", 0, 0);
    auto kept = f.disk().contents(path);
    REQUIRE(kept);
    REQUIRE(kept->size() == only.bytes.size());
    f.start();
    f.kill();
    kept->resize(blocks * 4096);
    f.disk().put(path, *kept);
    f.start();
    f.stop();
    const auto left = f.disk().contents(path);
    REQUIRE(left);
    CHECK(left->size() == only.bytes.size());
    f.start();
    f.audit();
    f.stop();
  }
}

}  // namespace millrace::swarm
