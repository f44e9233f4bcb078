#include <doctest/doctest.h>

#include "checkers/compaction_keeps.hh"
#include "checkers/timestamps_match.hh"

/// What the checker of compaction lets pass, and what not: one partition, told by hand.

namespace millrace::swarm {
namespace {

constexpr uint64_t red = 1;
constexpr uint64_t blue = 2;
constexpr int64_t day = 86'400'000;

struct told {
  findings out;
  keyed_sent sent;
  compaction_keeps keeps;
  tombstone_clock clock{.delete_retention_ms = 1000, .now = 5000};
  int64_t at = 0;  ///< ns

  static keyed_record record(int64_t offset, uint64_t key, uint64_t content, bool tombstone = false) {
    return {.offset = offset, .time = 7, .key = key, .content = content, .tombstone = tombstone};
  }
  /// Sent at 5,000 and acknowledged.
  void acked(const keyed_record& r) {
    keyed_record one = r;
    one.offset = 0;
    sent.sent({one}, false, 5000);
    keeps.acknowledged(out, "t-0", sent, r.offset, {one});
  }
  static read_batch batch(int64_t base, int64_t next) { return {.base = base, .next = next, .epoch = 1}; }
  void read(int64_t wanted, const read_batches& batches, const keyed_records& records) {
    const base::instant since{at++};
    keeps.read(out, "t-0", sent, wanted, batches, records, since, base::instant{at++}, clock);
  }
  void whole(int64_t end, const keyed_records& records) { keeps.whole(out, "t-0", sent, 0, end, records, clock); }
  std::string what() const { return out.any() ? out.first().what : ""; }
};

TEST_CASE("compaction_keeps: records that have a later one of their key may go, and batches be empty") {
  told t;
  t.acked(told::record(0, red, 10));
  t.acked(told::record(1, blue, 11));
  t.acked(told::record(2, red, 12));
  t.read(0, {told::batch(0, 1), told::batch(1, 2), told::batch(2, 3)},
         {told::record(0, red, 10), told::record(1, blue, 11), told::record(2, red, 12)});
  t.read(0, {told::batch(0, 1), told::batch(1, 2), told::batch(2, 3)},
         {told::record(1, blue, 11), told::record(2, red, 12)});
  t.read(0, {told::batch(1, 2), told::batch(2, 3)}, {told::record(1, blue, 11), told::record(2, red, 12)});
  t.whole(3, {told::record(1, blue, 11), told::record(2, red, 12)});
  CHECK(t.what() == "");
  CHECK(t.keeps.gone() == 1);
  compaction_keeps::settled(t.out, "t-0", {told::record(1, blue, 11), told::record(2, red, 12)});
  CHECK(t.what() == "");
}

TEST_CASE("compaction_keeps: the last record of a key must be there") {
  told t;
  t.acked(told::record(0, red, 10));
  t.acked(told::record(1, blue, 11));
  t.read(0, {told::batch(1, 2)}, {told::record(1, blue, 11)});
  CHECK(t.what() == "the last record of a key is gone: t-0@0");
  CHECK(t.out.first().kind == broken::safety);

  told all;
  all.acked(told::record(0, red, 10));
  all.whole(2, {});
  CHECK(all.what() == "the last record of a key is gone: t-0@0");

  // Below what was asked for nothing is missing.
  told later;
  later.acked(told::record(0, red, 10));
  later.acked(told::record(1, blue, 11));
  later.read(1, {told::batch(1, 2)}, {told::record(1, blue, 11)});
  CHECK(later.what() == "");
}

TEST_CASE("compaction_keeps: what may have made room for a record was sent and not placed yet, until all is known") {
  told t;
  t.acked(told::record(0, red, 10));
  t.acked(told::record(2, blue, 12));
  t.sent.sent({told::record(0, red, 11)}, false, 5000);
  t.read(0, {told::batch(2, 3)}, {told::record(2, blue, 12)});
  CHECK(t.what() == "");
  t.whole(3, {told::record(2, blue, 12)});
  CHECK(t.what() == "the last record of a key is gone: t-0@0");

  // A tombstone that was lost may have gone itself.
  told dead;
  dead.acked(told::record(0, red, 10));
  dead.sent.sent({told::record(0, red, 11, true)}, false, 5000);
  dead.clock.now = 6000;
  dead.whole(1, {});
  CHECK(dead.what() == "");
  dead.clock.now = 5999;
  dead.whole(1, {});
  CHECK(dead.what() == "the last record of a key is gone: t-0@0");
}

TEST_CASE("compaction_keeps: a tombstone stays for delete.retention.ms, by any clock that the broker had") {
  told t;
  t.acked(told::record(0, red, 10, true));
  t.clock.now = 6000;
  t.whole(1, {});
  CHECK(t.what() == "");
  t.clock = {.delete_retention_ms = day, .now = 6000, .ahead_ms = day - 2000, .behind_ms = 1000};
  t.whole(1, {});
  CHECK(t.what() == "");
  t.clock.behind_ms = 999;
  t.whole(1, {});
  CHECK(t.what() == "a tombstone is gone before its time: t-0@0");
}

TEST_CASE("compaction_keeps: nothing moves, changes or comes back") {
  SUBCASE("another record") {
    told t;
    t.acked(told::record(0, red, 10));
    t.sent.sent({told::record(0, red, 11)}, false, 5000);
    t.read(0, {told::batch(0, 1)}, {told::record(0, red, 11)});
    CHECK(t.what() == "another record than before: t-0@0");
  }
  SUBCASE("a record that nobody sent") {
    told t;
    t.read(0, {told::batch(0, 1)}, {told::record(0, red, 11)});
    CHECK(t.out.first().checker == "sent_is_read");
  }
  SUBCASE("a record that was gone") {
    told t;
    t.acked(told::record(0, red, 10));
    t.acked(told::record(1, red, 11));
    t.read(0, {told::batch(1, 2)}, {told::record(1, red, 11)});
    CHECK(t.what() == "");
    t.read(0, {told::batch(0, 1)}, {told::record(0, red, 10)});
    CHECK(t.what() == "a record that was gone is back: t-0@0");
  }
  SUBCASE("a record of an idempotent producer at two offsets") {
    told t;
    t.sent.sent({told::record(0, red, 10)}, true, 5000);
    t.read(0, {told::batch(0, 2)}, {told::record(0, red, 10), told::record(1, red, 10)});
    CHECK(t.out.first().checker == "no_duplicates");
  }
  SUBCASE("offsets of a batch") {
    told t;
    t.acked(told::record(0, red, 10));
    t.read(0, {told::batch(0, 1)}, {told::record(0, red, 10)});
    t.read(0, {told::batch(0, 2)}, {told::record(0, red, 10)});
    CHECK(t.what() == "a batch changed its offsets or numbers: t-0@0");
  }
  SUBCASE("batches that overlap") {
    told t;
    t.read(0, {told::batch(0, 2), told::batch(1, 3)}, {});
    CHECK(t.what() == "offsets go back: t-0@1");
  }
  SUBCASE("a read that begins below what is wanted") {
    told t;
    t.read(2, {told::batch(0, 2)}, {});
    CHECK(t.what() == "a read begins before what is wanted: t-0@0");
  }
}

TEST_CASE("compaction_keeps: in the end no two records have one key") {
  findings out;
  compaction_keeps::settled(out, "t-0", {told::record(0, red, 10), told::record(1, blue, 11), told::record(4, red, 12)});
  CHECK(out.first().kind == broken::liveness);
}

TEST_CASE("timestamps_match: where records go between two scans, either may be answered") {
  const timestamps_match::records before{{0, 5}, {1, 9}, {2, 9}};
  const timestamps_match::records after{{2, 9}};
  const auto passes = [&](int64_t time, int64_t offset, int64_t timestamp) {
    findings out;
    timestamps_match::between(out, "t-0", before, after, time, offset, timestamp);
    return !out.any();
  };
  CHECK(passes(6, 1, 9));
  CHECK(passes(6, 2, 9));
  CHECK_FALSE(passes(6, 0, 5));
  CHECK_FALSE(passes(6, 3, 9));
  CHECK_FALSE(passes(6, -1, -1));
  CHECK(passes(10, -1, -1));
  CHECK_FALSE(passes(10, 2, 9));
}

}  // namespace
}  // namespace millrace::swarm
