#include <doctest/doctest.h>

#include "broker/partition/producer_snapshot.hh"
#include "broker/partition/producer_table.hh"
#include "numbered_batch.hh"
#include "record/batch_view.hh"

/// The rules for numbered batches, without a log: KIP-98, and KIP-360 for what an unknown producer may do.

namespace millrace::broker {
namespace {

using base::errc;
using namespace test;

constexpr base::duration day = base::milliseconds(86400 * 1000);
constexpr base::unix_ms minute = 60 * 1000;

struct fixture {
  explicit fixture(size_t count_max = 100) : ages(count_max, day, 7), table(ages) {}

  /// What is said of a batch; one that is to be appended is noted at the next offset.
  std::string offer(const numbers& n) {
    const std::vector<uint8_t> bytes = numbered_batch(n);
    const auto batch = record::batch_view::frame(bytes);
    const auto seen = table.check(*batch, now);
    if (!seen) return base::name_of(seen.error().code);
    if (*seen) return "duplicate of " + std::to_string((*seen)->first.value());
    const base::offset first = next;
    next = next + n.count;
    table.note(*batch, first, next, now);
    return "appended";
  }

  producer_ages ages;
  producer_table table;
  base::offset next{0};
  base::unix_ms now = 1'000'000;
};

}  // namespace

TEST_CASE("producers: each row of the table of numbers has its answer") {
  fixture f;
  struct row {
    numbers offered;
    const char* said;
  };
  const row rows[] = {
      {{.first = 7}, "appended"},              // unknown: any sequence
      {{.first = 8, .count = 3}, "appended"},  // offsets 1 to 3
      {{.first = 8, .count = 3}, "duplicate of 1"},
      {{.first = 7}, "duplicate of 0"},
      {{.first = 8, .count = 2}, "out_of_order_sequence"},  // begins where one did, but is another
      {{.first = 12}, "out_of_order_sequence"},
      {{.first = 10}, "out_of_order_sequence"},
      {{.epoch = 1, .first = 11}, "out_of_order_sequence"},  // a new epoch begins at 0
      {{.epoch = 1, .first = 0}, "appended"},                // offset 4
      {{.epoch = 0, .first = 11}, "invalid_producer_epoch"},
      {{.epoch = 1, .first = 0}, "duplicate of 4"},
      {{.id = 1, .first = 0}, "appended"},  // another producer is nobody's business
      {{.epoch = 1, .first = 1}, "appended"},
      {{.epoch = INT16_MAX, .first = 0}, "appended"},  // the last one: behind it comes another id
      {{.epoch = INT16_MAX, .first = 0}, "duplicate of 7"},
      {{.epoch = INT16_MAX - 1, .first = 0}, "invalid_producer_epoch"},
      {{.epoch = 0, .first = 0}, "invalid_producer_epoch"},
  };
  for (const row& r : rows) {
    CAPTURE(r.offered.id);
    CAPTURE(r.offered.epoch);
    CAPTURE(r.offered.first);
    CHECK(f.offer(r.offered) == r.said);
  }
}

TEST_CASE("producers: five batches are remembered, and no more") {
  fixture f;
  for (int32_t i = 0; i < 6; ++i) CHECK(f.offer({.first = i}) == "appended");
  for (int32_t i = 1; i < 6; ++i) CHECK(f.offer({.first = i}) == "duplicate of " + std::to_string(i));
  CHECK(f.offer({.first = 0}) == "out_of_order_sequence");
  CHECK(f.offer({.first = 6}) == "appended");
  // What came with an older epoch is forgotten with it.
  CHECK(f.offer({.epoch = 1, .first = 0}) == "appended");
  CHECK(f.table.find(0)->count == 1);
}

TEST_CASE("producers: after 2147483647 comes 0, also within a batch") {
  fixture f;
  CHECK(f.offer({.first = INT32_MAX - 1, .count = 2}) == "appended");
  CHECK(f.offer({.first = 0}) == "appended");
  CHECK(f.offer({.id = 1, .first = INT32_MAX, .count = 3}) == "appended");  // MAX, 0, 1
  CHECK(f.offer({.id = 1, .first = 2}) == "appended");
  CHECK(f.offer({.id = 1, .first = INT32_MAX, .count = 3}) == "duplicate of 3");
}

TEST_CASE("producers: one that wrote nothing for a day is forgotten, others are not") {
  fixture f;
  CHECK(f.offer({.id = 1}) == "appended");
  f.now += 1000 * minute;
  CHECK(f.offer({.id = 2}) == "appended");
  f.now += 441 * minute;
  f.ages.expire(f.now);
  CHECK(f.table.find(1) == nullptr);
  CHECK(f.table.find(2) != nullptr);
  CHECK(f.ages.count() == 1);
  CHECK(f.offer({.id = 1, .first = 55}) == "appended");
}

TEST_CASE("producers: a flood of ids is refused, until an old one may go") {
  fixture f(3);
  for (int64_t id = 0; id < 3; ++id) CHECK(f.offer({.id = id}) == "appended");
  for (int64_t id = 3; id < 1000; ++id) CHECK(f.offer({.id = id}) == "policy_violation");
  CHECK(f.offer({.id = 0, .first = 1}) == "appended");  // who is there goes on
  CHECK(f.ages.count() == 3);
  f.now += 16 * minute;
  CHECK(f.offer({.id = 2, .first = 1}) == "appended");
  CHECK(f.offer({.id = 9}) == "appended");
  CHECK(f.table.find(1) == nullptr);  // it was silent for the longest
  CHECK(f.ages.count() == 3);
}

TEST_CASE("producers: what a start finds is bounded too, and those that may still be on the way are kept first") {
  fixture f(10);
  f.now = 1000 * minute;
  producer_state kept;
  kept.count = 1;
  for (int64_t id = 0; id < 100; ++id) {
    kept.id = id;
    kept.last_write = f.now - (id < 50 ? 16 : 14) * minute;
    f.table.restore(kept, f.now);
    CHECK(f.ages.count() <= 20);
  }
  CHECK(f.ages.count() == 20);
  for (int64_t id = 100; id < 200; ++id) {
    const std::vector<uint8_t> bytes = numbered_batch({.id = id});
    f.table.note(*record::batch_view::frame(bytes), base::offset(id), base::offset(id + 1), f.now);
    CHECK(f.ages.count() == 20);
  }
  CHECK(f.table.find(199) != nullptr);
  CHECK(f.offer({.id = 1000}) == "policy_violation");
}

TEST_CASE("producers: what is read again from the log changes nothing") {
  fixture f;
  CHECK(f.offer({.first = 0}) == "appended");
  CHECK(f.offer({.first = 1}) == "appended");
  const std::vector<uint8_t> again = numbered_batch({.first = 0});
  f.table.note(*record::batch_view::frame(again), base::offset(0), base::offset(1), f.now);
  CHECK(f.table.find(0)->count == 2);
  CHECK(f.offer({.first = 1}) == "duplicate of 1");
  CHECK(f.offer({.first = 2}) == "appended");
}

TEST_CASE("producers: a table that goes leaves no trace in its core's") {
  producer_ages ages(100, day, 7);
  {
    producer_table table(ages);
    const std::vector<uint8_t> bytes = numbered_batch({.id = 5});
    table.note(*record::batch_view::frame(bytes), base::offset(0), base::offset(1), 1);
    CHECK(ages.count() == 1);
  }
  CHECK(ages.count() == 0);
  ages.expire(INT64_MAX);
}

TEST_CASE("producer snapshot: all five batches of each come back, but not who has been silent too long") {
  fixture f;
  CHECK(f.offer({.id = 9, .first = 3}) == "appended");
  f.now += 1000 * minute;
  for (int32_t i = 0; i < 7; ++i) CHECK(f.offer({.id = 4, .epoch = 2, .first = i * 2, .count = 2}) == "appended");
  CHECK(f.offer({.id = 0}) == "appended");
  const std::string bytes = encode_producers(f.table, base::offset(99));
  const auto back = decode_producers(base::as_bytes(bytes));
  REQUIRE(back);
  CHECK(back->covers == base::offset(99));
  REQUIRE(back->producers.size() == 3);

  fixture later;
  later.now = f.now + 500 * minute;
  later.next = f.next;
  for (const producer_state& p : back->producers) later.table.restore(p, later.now);
  CHECK(later.table.find(9) == nullptr);
  CHECK(later.table.find(4)->count == 5);
  CHECK(later.table.find(4)->epoch == 2);
  CHECK(later.offer({.id = 4, .epoch = 2, .first = 4, .count = 2}) == "duplicate of 5");
  CHECK(later.offer({.id = 4, .epoch = 2, .first = 14}) == "appended");
  CHECK(later.offer({.id = 0, .first = 0}) == "duplicate of 15");
  // Who wrote last is forgotten last.
  later.now = f.now + 1441 * minute;
  later.ages.expire(later.now);
  CHECK(later.table.find(0) == nullptr);
  CHECK(later.table.find(4) != nullptr);
}

TEST_CASE("producer snapshot: bytes that are none are refused") {
  fixture f;
  CHECK(f.offer({.id = 4}) == "appended");
  const std::string good = encode_producers(f.table, base::offset(1));
  for (size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(decode_producers(base::as_bytes(std::string_view(good).substr(0, size))));
  }
  CHECK_FALSE(decode_producers(base::as_bytes(good + "x")));
  std::string many = good;
  many[8 + 7] = '\x7f';  // the count
  CHECK_FALSE(decode_producers(base::as_bytes(many)));
  std::string six = good;
  six[16 + 18] = 6;  // batches of the first
  CHECK_FALSE(decode_producers(base::as_bytes(six)));
  std::string before_1970 = good;
  before_1970[16 + 8 + 7] = '\x80';  // the last write, from which ages are counted
  CHECK_FALSE(decode_producers(base::as_bytes(before_1970)));
}

}  // namespace millrace::broker
