#include "record/batch_filter.hh"

#include <doctest/doctest.h>

#include "batches.hh"
#include "record/compression.hh"
#include "record/verify.hh"

using namespace millrace;
using namespace millrace::record;
using namespace millrace::record::tests;

namespace {

struct plain_seen {
  int32_t delta;
  unix_ms time;
  std::vector<uint8_t> rest;  ///< the record behind its offset delta
};

std::vector<plain_seen> seen_in(const batch_view& batch) {
  std::vector<uint8_t> opened;
  REQUIRE(decompress(batch.codec(), batch.records(), plenty, opened).ok());
  std::vector<plain_seen> all;
  record_iterator each(opened, batch.record_count());
  record_view r;
  while (each.next(r).value()) {
    plain_seen one{r.offset_delta, batch.base_timestamp() + r.timestamp_delta, {}};
    for (const auto& part : {r.key, r.value}) {
      one.rest.push_back(part ? 1 : 0);
      if (part) one.rest.insert(one.rest.end(), part->begin(), part->end());
    }
    one.rest.insert(one.rest.end(), r.raw_headers.begin(), r.raw_headers.end());
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

TEST_CASE("batch_filter: what stays is what it was, at its offset and time, with a new horizon or without") {
  base::prng random(31);
  compressor pack;
  for (int turn = 0; turn < 200; ++turn) {
    const auto how = static_cast<codec>(random.below(5));
    const auto records = random_records(random, {.count_max = 60, .text_max = 500, .gaps = true});
    const auto data = batch_of(records, {.codec = how,
                                         .base_offset = base::offset(500),
                                         .leader_epoch = base::leader_epoch(4),
                                         .producer_id = 9,
                                         .producer_epoch = 1,
                                         .base_sequence = 3});
    const batch_view before = view(data);
    std::vector<uint8_t> opened;
    REQUIRE(decompress(how, before.records(), plenty, opened).ok());
    std::optional<unix_ms> horizon;
    if (random.chance(0.5)) horizon = 1700086400000 + random.between(0, 1000);
    std::vector<uint8_t> out{7};
    batch_filter filter(before, horizon, pack, out);
    REQUIRE(filter.begin().ok());
    record_iterator each(opened, before.record_count());
    record_view r;
    std::vector<size_t> kept;
    for (size_t i = 0; each.next(r).value(); ++i) {
      const bool last_chance = kept.empty() && each.left() == 0;
      if (!last_chance && random.chance(0.5)) continue;
      kept.push_back(i);
      REQUIRE(filter.keep(r).ok());
    }
    REQUIRE(filter.finish().ok());

    const batch_view after = view(bytes(out).subspan(1));
    REQUIRE(after.size() == out.size() - 1);
    REQUIRE(verify_crc(after).ok());
    REQUIRE(verify_shape(after).ok());
    REQUIRE(after.codec() == how);
    REQUIRE(after.base_offset() == before.base_offset());
    REQUIRE(after.next_offset() == before.next_offset());
    REQUIRE(after.leader_epoch() == before.leader_epoch());
    REQUIRE(after.producer_id() == 9);
    REQUIRE(after.last_sequence() == before.last_sequence());
    REQUIRE(after.has_delete_horizon() == horizon.has_value());
    REQUIRE(after.base_timestamp() == horizon.value_or(before.base_timestamp()));
    const auto all = seen_in(before);
    const auto left = seen_in(after);
    REQUIRE(left.size() == kept.size());
    unix_ms newest = no_timestamp;
    for (size_t i = 0; i < kept.size(); ++i) {
      REQUIRE(left[i].delta == all[kept[i]].delta);
      REQUIRE(left[i].time == all[kept[i]].time);
      REQUIRE(left[i].rest == all[kept[i]].rest);
      newest = std::max(newest, left[i].time);
    }
    REQUIRE(after.max_timestamp() == newest);
  }
}

TEST_CASE("batch_filter: an empty batch keeps its offsets, sequence and largest time, and nothing else") {
  const auto data =
      batch_of({{0, 1700000000000, "k", "v", {}}, {5, 1700000000009, "l", "w", {}}}, {.codec = codec::zstd,
                                                                                      .base_offset = base::offset(40),
                                                                                      .leader_epoch = base::leader_epoch(2),
                                                                                      .producer_id = 8,
                                                                                      .producer_epoch = 3,
                                                                                      .base_sequence = 100});
  std::vector<uint8_t> out;
  append_empty(view(data), out);
  const batch_view after = view(out);
  REQUIRE(out.size() == header::size);
  CHECK(verify_crc(after).ok());
  CHECK(verify_shape(after).ok());
  CHECK(after.record_count() == 0);
  CHECK(after.codec() == codec::none);
  CHECK(after.base_offset().value() == 40);
  CHECK(after.next_offset().value() == 46);
  CHECK(after.last_sequence() == 105);
  CHECK(after.producer_epoch() == 3);
  CHECK(after.max_timestamp() == 1700000000009);
  CHECK(after.leader_epoch().value() == 2);
}

TEST_CASE("batch_filter: LogAppendTime stays the time of every record") {
  const auto data = batch_of({{0, 1, "k", "v", {}}, {1, 2, "l", "w", {}}}, {.log_append_time = 1700000000000});
  compressor pack;
  std::vector<uint8_t> out;
  batch_filter filter(view(data), 1700000001000, pack, out);
  REQUIRE(filter.begin().ok());
  record_iterator each(view(data).records(), 2);
  record_view r;
  REQUIRE(each.next(r).value());
  REQUIRE(filter.keep(r).ok());
  REQUIRE(filter.finish().ok());
  CHECK(view(out).timestamp_type() == timestamp_type::log_append_time);
  CHECK(view(out).max_timestamp() == 1700000000000);
  CHECK(view(out).has_delete_horizon());
}
