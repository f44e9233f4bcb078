#include "record/batch_walk.hh"

#include <doctest/doctest.h>

#include "batches.hh"
#include "record/verify.hh"

using namespace millrace;
using namespace millrace::record;
using namespace millrace::record::tests;
using base::errc;

TEST_CASE("batch_walk: a batch says the same in every codec, at once and in steps") {
  base::prng random(19);
  decompressor unpack;
  for (int turn = 0; turn < 100; ++turn) {
    const auto records = random_records(random, {.count_max = 200, .text_max = 2000});
    const auto plain = batch_of(records);
    const walk_summary want = walk_batch(view(plain), walk_rules::produced(view(plain)), unpack, plenty).value();
    for (uint8_t number = 0; number <= codec_last; ++number) {
      const auto data = batch_of(records, {.codec = static_cast<codec>(number)});
      const batch_view batch = view(data);
      batch_walk walk(batch, walk_rules::produced(batch), unpack, plenty);
      int steps = 0;
      while (!walk.step(1).value()) ++steps;
      const walk_summary& got = walk.summary();
      REQUIRE(got.count == want.count);
      REQUIRE(got.max_timestamp == want.max_timestamp);
      REQUIRE(got.max_timestamp_delta == want.max_timestamp_delta);
      REQUIRE(got.null_keys == want.null_keys);
      if (plain.size() > 3 * decompressor::piece_bytes_max) REQUIRE(steps >= 2);
    }
  }
}

TEST_CASE("batch_walk: what cannot be opened is an invalid record, what is too large says so") {
  base::prng random(20);
  decompressor unpack;
  const auto records = random_records(random, {.count_max = 50});
  for (uint8_t number = 1; number <= codec_last; ++number) {
    CAPTURE(static_cast<int>(number));
    auto data = batch_of(records, {.codec = static_cast<codec>(number)});
    const walk_rules rules = walk_rules::produced(view(data));
    CHECK(walk_batch(view(data), rules, unpack, 10).error().code == errc::too_large);
    std::fill(data.begin() + header::size, data.end(), uint8_t{0xff});
    const auto garbage = walk_batch(view(data), rules, unpack, plenty);
    CHECK(garbage.error().code == errc::invalid_record);
    CHECK(garbage.error().place == place(check::compression));
  }
  auto unknown = batch_of(records);
  base::store_big<int16_t>(unknown.data() + header::attributes_at, 6);
  const auto refused = walk_batch(view(unknown), walk_rules::produced(view(unknown)), unpack, plenty);
  CHECK(refused.error().code == errc::invalid_record);
  CHECK(refused.error().place == place(check::codec));
}

TEST_CASE("batch_walk: a compressed batch without bytes misses its records") {
  decompressor unpack;
  auto data = batch_of({{0, 1, {}, "v", {}}}, {.codec = codec::zstd});
  data.resize(header::size);
  base::store_big<int32_t>(data.data() + header::batch_length_at, header::size - 12);
  CHECK(walk_batch(view(data), walk_rules::produced(view(data)), unpack, plenty).error().place ==
        place(check::record_count));
}

TEST_CASE("find_by_timestamp: the first record at or after the time, like a linear search") {
  base::prng random(21);
  decompressor unpack;
  for (int turn = 0; turn < 300; ++turn) {
    const auto records = random_records(random, {.gaps = random.chance(0.5)});
    const auto data = batch_of(records, {.codec = static_cast<codec>(random.below(5)), .base_offset = base::offset(1000)});
    const unix_ms target = 1700000000000 + random.between(-6000, 6000);
    const auto found = find_by_timestamp(view(data), target, unpack, plenty).value();
    const auto it =
        std::find_if(records.begin(), records.end(), [&](const plain_record& r) { return r.timestamp >= target; });
    REQUIRE(found.found == (it != records.end()));
    if (found.found) {
      REQUIRE(found.at == base::offset(1000 + it->offset_delta));
      REQUIRE(found.timestamp == it->timestamp);
    }
    const auto largest = find_max_timestamp(view(data), unpack, plenty).value();
    const auto most = std::max_element(records.begin(), records.end(),
                                       [](const auto& a, const auto& b) { return a.timestamp < b.timestamp; });
    REQUIRE(largest.found == (most->timestamp != no_timestamp));
    if (largest.found) {
      REQUIRE(largest.at == base::offset(1000 + most->offset_delta));
      REQUIRE(largest.timestamp == most->timestamp);
    }
  }
}

TEST_CASE("find_by_timestamp: with LogAppendTime the batch's time counts") {
  decompressor unpack;
  const auto data =
      batch_of({{0, 1, {}, "a", {}}, {1, 9000, {}, "b", {}}}, {.base_offset = base::offset(50), .log_append_time = 5000});
  CHECK(find_by_timestamp(view(data), 5000, unpack, plenty).value().at == base::offset(50));
  CHECK(find_by_timestamp(view(data), 5000, unpack, plenty).value().timestamp == 5000);
  CHECK_FALSE(find_by_timestamp(view(data), 5001, unpack, plenty).value().found);
  CHECK(find_max_timestamp(view(data), unpack, plenty).value().at == base::offset(50));
}

TEST_CASE("find_by_timestamp: a damaged batch is an error") {
  decompressor unpack;
  auto data = batch_of({{0, 1, {}, "abcdef", {}}});
  data.back() = 0x7f;
  CHECK(find_by_timestamp(view(data), 5000, unpack, plenty).error().code == errc::invalid_record);
}
