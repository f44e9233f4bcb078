#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "generator/stream_check.hh"

namespace millrace::generator {
namespace {

constexpr int32_t partition = 2;
const base::bytes some_key = base::as_bytes("some key");

std::vector<uint8_t> value_of(const payload_header& header, size_t size = 100) {
  payload_pool pool(size, false, 1);
  const base::bytes value = pool.next(header, payload_place(partition, some_key), size);
  return {value.begin(), value.end()};
}

TEST_CASE("stream check: every kind of wrong is counted as what it is") {
  struct row {
    const char* name;
    std::vector<uint64_t> sequences;
    uint64_t seen, gaps, duplicates, out_of_order;
  };
  const row rows[] = {
      {"right", {0, 1, 2, 3}, 4, 0, 0, 0},
      {"one missing", {0, 1, 3}, 3, 1, 0, 0},
      {"the first ones missing", {2, 3}, 2, 2, 0, 0},
      {"twice", {0, 1, 1, 2}, 3, 0, 1, 0},
      {"a batch again", {0, 1, 2, 1, 2, 3}, 4, 0, 2, 0},
      {"late", {0, 2, 1, 3}, 4, 0, 0, 1},
      {"late, in the middle of a gap", {0, 5, 3, 3, 1, 4, 2}, 6, 0, 1, 4},
      {"two gaps", {1, 3, 0}, 3, 1, 0, 1},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    stream_check check(true);
    verified count;
    for (const uint64_t s : r.sequences) check.take(s, count);
    CHECK(check.seen() == r.seen);
    CHECK(check.gaps() == r.gaps);
    CHECK(count.duplicates == r.duplicates);
    CHECK(count.out_of_order == r.out_of_order);
  }
  stream_check from_anywhere(false);
  verified count;
  for (const uint64_t s : {70, 71, 72}) from_anywhere.take(s, count);
  CHECK(from_anywhere.gaps() == 0);
  CHECK(count.good());
}

TEST_CASE("payload: one changed bit anywhere is seen") {
  const payload_header header{.producer = 3, .run = 77, .sequence = 12, .intended_ns = 1'700'000'000'000'000'000};
  for (const size_t size : {size_t{40}, size_t{41}, size_t{300}}) {
    std::vector<uint8_t> value = value_of(header, size);
    const uint64_t place = payload_place(partition, some_key);
    payload_header read;
    REQUIRE(payload_header::load(value, place, read));
    CHECK(!payload_header::load(value, payload_place(partition + 1, some_key), read));
    CHECK(!payload_header::load(value, payload_place(partition, base::as_bytes("some kez")), read));
    CHECK(!payload_header::load(value, payload_place(partition, std::nullopt), read));
    CHECK(read.producer == 3);
    CHECK(read.sequence == 12);
    CHECK(read.intended_ns == header.intended_ns);
    for (size_t bit = 0; bit < size * 8; ++bit) {
      value[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      CHECK(!payload_header::load(value, place, read));
      value[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
    value.pop_back();
    CHECK(!payload_header::load(value, place, read));
  }
}

TEST_CASE("payload: values of one size have the hash that they would have alone") {
  payload_pool pool(200, true, 9);
  payload_header header{.producer = 1, .run = 2, .sequence = 0, .intended_ns = 4};
  for (; header.sequence < 200; ++header.sequence) {
    payload_header read;
    CHECK(payload_header::load(pool.next(header, 7, 200), 7, read));
    CHECK(read.sequence == header.sequence);
  }
}

TEST_CASE("payload: where values shall differ, none comes again within what was asked") {
  constexpr size_t size = 100;
  payload_pool pool(size, false, 9, 100'000);
  std::set<std::vector<uint8_t>> bodies;
  for (size_t i = 0; i < 1000; ++i) {
    const base::bytes value = pool.next({}, 0, size).subspan(payload_header::size);
    bodies.emplace(value.begin(), value.end());
  }
  CHECK(bodies.size() == 1000);
}

TEST_CASE("partition check: garbage, strangers and what never came are told") {
  partition_check check;
  check.expect({.run = 77, .partition = partition, .foreign_until = 10, .from_zero = true, .others_from_zero = false});
  payload_header read;
  const auto take = [&](int64_t offset, uint64_t run, uint32_t producer, uint64_t sequence) {
    return check.take(offset, some_key, value_of({.producer = producer, .run = run, .sequence = sequence, .intended_ns = 1}),
                      read);
  };
  // Below 10 is what other runs left; from there on only ours.
  CHECK(!take(0, 5, 0, 40));
  CHECK(!take(1, 5, 0, 41));
  CHECK(take(10, 77, 4, 0));
  CHECK(take(11, 77, 5, 0));
  CHECK(!take(12, 5, 0, 42));
  CHECK(take(13, 77, 4, 1));
  const std::vector<uint8_t> garbage(100, 'x');
  CHECK(!check.take(14, some_key, garbage, read));
  CHECK(!check.take(15, some_key, {}, read));
  // Producer 4 had three acknowledged, 5 one, 6 two of which none was read.
  const verified all = check.finish({3, 1, 2}, 4);
  CHECK(all.records == 5);
  CHECK(all.corrupt == 3);
  CHECK(all.missing == 3);
  CHECK(all.duplicates == 0);
  CHECK(!all.good());
}

TEST_CASE("partition check: of a log that is read from its first offset the first records are missed too") {
  for (const bool others_from_zero : {false, true}) {
    CAPTURE(others_from_zero);
    partition_check check;
    check.expect({.run = 77,
                  .partition = partition,
                  .foreign_until = INT64_MAX,
                  .from_zero = false,
                  .others_from_zero = others_from_zero});
    payload_header read;
    check.take(0, some_key, value_of({.producer = 1, .run = 5, .sequence = 3, .intended_ns = 1}), read);
    CHECK(check.finish({}, 0).missing == (others_from_zero ? 3 : 0));
  }
}

}  // namespace
}  // namespace millrace::generator
