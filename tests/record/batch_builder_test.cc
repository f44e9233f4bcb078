#include "record/batch_builder.hh"

#include <doctest/doctest.h>

#include "batches.hh"
#include "record/compression.hh"
#include "record/record_walker.hh"
#include "record/verify.hh"

using namespace millrace;
using namespace millrace::record;
using namespace millrace::record::tests;
using base::errc;

namespace {

std::optional<std::string> text_of(const std::optional<bytes>& part) {
  if (!part) return std::nullopt;
  return std::string(base::as_text(*part));
}

void check_same(bytes records, const batch_view& batch, const std::vector<plain_record>& want) {
  record_iterator walk(records, batch.record_count());
  record_view seen;
  size_t raw_total = 0;
  for (const plain_record& r : want) {
    REQUIRE(walk.next(seen).value());
    REQUIRE(seen.offset_delta == r.offset_delta);
    REQUIRE(batch.base_timestamp() + seen.timestamp_delta == r.timestamp);
    REQUIRE(text_of(seen.key) == r.key);
    REQUIRE(text_of(seen.value) == r.value);
    REQUIRE(seen.header_count == static_cast<int32_t>(r.headers.size()));
    header_iterator headers = seen.headers();
    for (const auto& [key, value] : r.headers) {
      const header_field field = headers.next();
      REQUIRE(std::string(field.key) == key);
      REQUIRE(text_of(field.value) == value);
    }
    REQUIRE(headers.done());
    raw_total += seen.raw.size();
  }
  REQUIRE(walk.left() == 0);
  REQUIRE_FALSE(walk.next(seen).value());
  REQUIRE(raw_total == records.size());
}

}  // namespace

TEST_CASE("batch_builder: what goes in comes out, in every codec") {
  base::prng random(6);
  for (int turn = 0; turn < 200; ++turn) {
    const auto which = static_cast<codec>(random.below(5));
    const auto records = random_records(random, {.gaps = random.chance(0.3)});
    const auto data = batch_of(records, {.codec = which});
    const batch_view batch = view(data);
    REQUIRE(batch.size() == data.size());
    REQUIRE(batch.codec() == which);
    REQUIRE(verify_shape(batch).ok());
    REQUIRE(verify_crc(batch).ok());
    REQUIRE(batch.last_offset_delta() == records.back().offset_delta);
    std::vector<uint8_t> plain;
    REQUIRE(decompress(which, batch.records(), plenty, plain).ok());
    check_same(plain, batch, records);
  }
}

TEST_CASE("batch_builder: two batches stand back to back in one target") {
  std::vector<uint8_t> out;
  for (int i = 0; i < 2; ++i) {
    batch_builder builder(out, {.base_offset = base::offset(i)});
    builder.add({5, std::nullopt, base::as_bytes("value"), {}});
    const size_t foretold = builder.size();
    CHECK(builder.finish().value().size() == foretold);
  }
  batch_iterator walk(out);
  CHECK(walk.next().value().base_offset() == base::offset(0));
  CHECK(walk.next().value().base_offset() == base::offset(1));
  CHECK(walk.done());
}

TEST_CASE("batch_builder: the bound holds for any record") {
  base::prng random(7);
  for (int turn = 0; turn < 500; ++turn) {
    std::vector<uint8_t> out;
    batch_builder builder(out, {});
    const std::string key = random_text(random, 200), value = random_text(random, 20000);
    const header_field fields[] = {{key, base::as_bytes(value)}, {value, std::nullopt}};
    const new_record record{random.between(-1, INT64_MAX / 2), base::as_bytes(key), base::as_bytes(value), fields};
    const size_t before = builder.size();
    builder.add(record);
    REQUIRE(builder.size() - before <= batch_builder::size_bound(record));
  }
}

TEST_CASE("batch_builder: options become fields") {
  std::vector<uint8_t> out;
  batch_builder builder(out, {.base_offset = base::offset(100),
                              .control = true,
                              .base_timestamp = 77,
                              .delete_horizon = true,
                              .max_timestamp_least = 5000});
  builder.add({80, std::nullopt, std::nullopt, {}});
  builder.extend_to(9);
  REQUIRE(builder.finish().ok());
  const batch_view batch = view(out);
  CHECK(batch.is_control());
  CHECK(batch.has_delete_horizon());
  CHECK(batch.base_timestamp() == 77);
  CHECK(batch.max_timestamp() == 5000);
  CHECK(batch.next_offset() == base::offset(110));
  CHECK(batch.record_count() == 1);
  record_iterator walk(batch.records(), 1);
  record_view seen;
  REQUIRE(walk.next(seen).value());
  CHECK(seen.timestamp_delta == 3);
}

TEST_CASE("batch_builder: times that are too far apart are refused and leave the target as it was") {
  std::vector<uint8_t> out{1, 2, 3};
  batch_builder builder(out, {});
  builder.add({INT64_MIN, std::nullopt, std::nullopt, {}});
  builder.add({INT64_MAX, std::nullopt, std::nullopt, {}});
  CHECK(builder.finish().error().code == errc::invalid_timestamp);
  CHECK(out == std::vector<uint8_t>{1, 2, 3});
}

TEST_CASE("record_iterator: refuses what the walker refuses") {
  base::prng random(8);
  for (int turn = 0; turn < 2000; ++turn) {
    auto data = batch_of(random_records(random, {.count_max = 5, .text_max = 20}));
    const batch_view batch = view(data);
    std::vector<uint8_t> records(batch.records().begin(), batch.records().end());
    for (uint64_t flips = random.below(3); flips > 0; --flips) {
      records[random.below(records.size())] ^= static_cast<uint8_t>(1u << random.below(8));
    }
    record_walker walker([&] {
      walk_rules rules = walk_rules::stored(batch);
      rules.base_timestamp = 0;
      return rules;
    }());
    base::result<void> walked = walker.feed(records);
    if (walked) walked = walker.finish();

    record_iterator walk(records, batch.record_count());
    record_view seen;
    base::result<bool> read = true;
    int32_t last = -1;
    bool rising = true;
    while (read && *read) {
      read = walk.next(seen);
      if (!read || !*read) break;
      rising = rising && seen.offset_delta > last && seen.offset_delta <= batch.last_offset_delta();
      last = seen.offset_delta;
      header_iterator headers = seen.headers();
      while (!headers.done()) static_cast<void>(headers.next());
    }
    REQUIRE((read.ok() && rising) == walked.ok());
  }
}
