#include <algorithm>

#include "story.hh"

/// Damage in the middle is never taken for the end: the batch that it met is refused, all others are served, and the log
/// goes on.

namespace millrace::swarm {
namespace {

/// A commit log so large that nothing is destaged in a story.
story_options roomy() {
  story_options o;
  o.server.commits.file_bytes = 8 << 20;
  return o;
}

/// Where these bytes lie in a file.
uint64_t place_of(story& f, const std::string& path, base::bytes wanted) {
  const std::vector<uint8_t> all = *f.disk().contents(path);
  const auto found = std::search(all.begin(), all.end(), wanted.begin(), wanted.end());
  REQUIRE(found != all.end());
  return static_cast<uint64_t>(found - all.begin());
}

/// Damages what lies of a batch in a file, well behind its header.
void harm(story& f, const std::string& path, const made_batch& batch, sim::damage how) {
  const uint64_t at = place_of(f, path, base::bytes(batch.bytes).subspan(1000, 64));
  REQUIRE(f.disk().corrupt(path, at, how == sim::damage::flip_bit ? 1 : 64, how));
}

/// Thirty acknowledged batches of two partitions; the bytes of number 15 of the first.
made_batch thirty(story& f) {
  REQUIRE(f.create("t", 2) == none);
  made_batch harmed;
  for (int i = 0; i < 30; ++i) {
    made_batch b = f.batch(3000);
    if (i == 15) harmed = b;
    REQUIRE(f.produce("t", 0, b).offset == i);
    f.keep("t", 1, 500);
  }
  return harmed;
}

/// What a user sees, before and after the log went on and the power went again.
void check_fifteen_is_refused(story& f) {
  for (int round = 0; round < 2; ++round) {
    CHECK(f.damaged_offsets("t", 0) == std::set<int64_t>{15});
    CHECK(f.damaged_offsets("t", 1).empty());
    f.goes_on();
    CHECK(f.end_of("t", 0) == 31 + round);
    CHECK(f.damaged_offsets("t", 0) == std::set<int64_t>{15});
    f.cut();
    f.start();
  }
  CHECK(f.damaged_offsets("t", 0) == std::set<int64_t>{15});
}

}  // namespace

TEST_CASE("damaged middle: of a segment at rest, one batch is refused and the rest served") {
  for (const sim::damage how : {sim::damage::flip_bit, sim::damage::zeros, sim::damage::garbage}) {
    CAPTURE(static_cast<int>(how));
    story f(1);
    f.start();
    const made_batch harmed = thirty(f);
    f.stop();
    harm(f, segment_path("t", 0, 0), harmed, how);
    f.start();
    check_fifteen_is_refused(f);
  }
}

TEST_CASE(
    "damaged middle: a sector of a segment in the wrong place costs the batch that it met, and is not read as another") {
  story f(4);
  f.start();
  const made_batch harmed = thirty(f);
  f.stop();
  const std::string path = segment_path("t", 0, 0);
  const uint64_t target = place_of(f, path, base::bytes(harmed.bytes).subspan(1000, 64)) / 512 * 512;
  REQUIRE(f.disk().misdirect(path, target + 512, target, 512));
  f.start();
  check_fifteen_is_refused(f);
}

TEST_CASE("damaged middle: of the commit log, one batch is refused and the acknowledged ones behind it are there") {
  for (const sim::damage how : {sim::damage::flip_bit, sim::damage::zeros, sim::damage::garbage}) {
    CAPTURE(static_cast<int>(how));
    story f(2, roomy());
    f.start();
    const made_batch harmed = thirty(f);
    f.kill();
    harm(f, commit_path, harmed, how);
    f.start();
    check_fifteen_is_refused(f);
  }
}

TEST_CASE("damaged middle: a commit log whose chain is broken is refused by name, and is not touched") {
  story f(3, roomy());
  f.start();
  const made_batch harmed = thirty(f);
  f.kill();
  const base::bytes bytes(harmed.bytes);
  const uint64_t at = place_of(f, commit_path, bytes.subspan(1000, 64));
  const std::vector<uint8_t> whole = *f.disk().contents(commit_path);
  // The record's header, at the begin of its block.
  REQUIRE(f.disk().corrupt(commit_path, at / 4096 * 4096 + 20, 1, sim::damage::flip_bit));
  const std::vector<uint8_t> damaged = *f.disk().contents(commit_path);
  for (int tries = 0; tries < 2; ++tries) {
    const std::string why = f.start_in_vain();
    CAPTURE(why);
    CHECK(why.starts_with("recovery: corrupt"));
    CHECK(*f.disk().contents(commit_path) == damaged);
  }
  // Whoever has a copy of it loses nothing.
  f.disk().put(commit_path, whole);
  f.start();
  f.audit();
  f.goes_on();
  f.stop();
}

}  // namespace millrace::swarm
