#include "record/batch_view.hh"

#include <doctest/doctest.h>

#include "batches.hh"

using namespace millrace;
using namespace millrace::record;
using namespace millrace::record::tests;
using base::errc;

TEST_CASE("batch_view: every way a frame can be wrong has its own answer") {
  const std::vector<uint8_t> good = batch_of({{0, 5, "k", "v", {}}});
  struct row {
    const char* name;
    size_t size;
    int magic;
    int32_t length;
    errc want;
    check where;
  };
  const auto size = good.size();
  const auto length = static_cast<int32_t>(size - 12);
  const row rows[] = {
      {"nothing", 0, 2, length, errc::truncated, check::length},
      {"cut before the magic", 16, 2, length, errc::truncated, check::length},
      {"cut in the header", 60, 2, length, errc::truncated, check::length},
      {"cut at the last byte", size - 1, 2, length, errc::truncated, check::length},
      {"one byte more claimed", size, 2, length + 1, errc::truncated, check::length},
      {"the longest claim", size, 2, INT32_MAX, errc::truncated, check::length},
      {"no room for a header", size, 2, 48, errc::malformed, check::length},
      {"length 0", size, 2, 0, errc::malformed, check::length},
      {"negative length", size, 2, -1, errc::malformed, check::length},
      {"most negative length", size, 2, INT32_MIN, errc::malformed, check::length},
      {"format 0", size, 0, length, errc::invalid_record, check::magic},
      {"format 1", size, 1, length, errc::invalid_record, check::magic},
      {"format 3", size, 3, length, errc::corrupt, check::magic},
      {"format -1", size, -1, length, errc::corrupt, check::magic},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    std::vector<uint8_t> data = good;
    data[header::magic_at] = static_cast<uint8_t>(r.magic);
    base::store_big(data.data() + header::batch_length_at, r.length);
    data.resize(r.size);
    const auto framed = batch_view::frame(data);
    REQUIRE_FALSE(framed.ok());
    CHECK(framed.error().code == r.want);
    CHECK(framed.error().place == place(r.where));
  }
  CHECK(batch_view::frame(good).ok());
  CHECK(batch_view::frame(bytes(good).first(size)).value().records().size() == size - 61);
}

TEST_CASE("batch_view: a header alone is a batch without records") {
  std::vector<uint8_t> out;
  batch_builder builder(out, {.base_offset = base::offset(10)});
  builder.extend_to(4);
  REQUIRE(builder.finish().ok());
  CHECK(out.size() == header::size);
  const batch_view batch = view(out);
  CHECK(batch.records().empty());
  CHECK(batch.record_count() == 0);
  CHECK(batch.next_offset() == base::offset(15));
}

TEST_CASE("batch_view: fields come back as written, and stamping leaves the CRC right") {
  std::vector<uint8_t> out;
  batch_builder builder(out, {.base_offset = base::offset(7),
                              .leader_epoch = base::leader_epoch(3),
                              .producer_id = 4000000000,
                              .producer_epoch = 12,
                              .base_sequence = INT32_MAX,
                              .transactional = true});
  builder.add({1000, std::nullopt, std::nullopt, {}});
  builder.add({1002, std::nullopt, std::nullopt, {}});
  REQUIRE(builder.finish().ok());
  const batch_view batch = view(out);
  CHECK(batch.base_offset() == base::offset(7));
  CHECK(batch.last_offset() == base::offset(8));
  CHECK(batch.next_offset() == base::offset(9));
  CHECK(batch.leader_epoch() == base::leader_epoch(3));
  CHECK(batch.magic() == 2);
  CHECK(batch.codec() == codec::none);
  CHECK(batch.timestamp_type() == timestamp_type::create_time);
  CHECK(batch.is_transactional());
  CHECK_FALSE(batch.is_control());
  CHECK_FALSE(batch.has_delete_horizon());
  CHECK(batch.last_offset_delta() == 1);
  CHECK(batch.base_timestamp() == 1000);
  CHECK(batch.max_timestamp() == 1002);
  CHECK(batch.producer_id() == 4000000000);
  CHECK(batch.producer_epoch() == 12);
  CHECK(batch.base_sequence() == INT32_MAX);
  CHECK(batch.last_sequence() == 0);  // it wraps to 0
  CHECK(batch.record_count() == 2);
  const uint32_t crc = batch.crc();
  stamp(out.data(), base::offset(INT64_MAX - 5), base::leader_epoch(99));
  CHECK(batch.base_offset() == base::offset(INT64_MAX - 5));
  CHECK(batch.leader_epoch() == base::leader_epoch(99));
  CHECK(batch.crc() == crc);
}

TEST_CASE("batch_iterator: walks batches back to back and says where it stopped") {
  base::prng random(1);
  std::vector<uint8_t> all;
  std::vector<size_t> positions;
  for (int i = 0; i < 10; ++i) {
    positions.push_back(all.size());
    const auto one = batch_of(random_records(random));
    all.insert(all.end(), one.begin(), one.end());
  }
  batch_iterator whole(all);
  for (const size_t position : positions) {
    REQUIRE(whole.position() == position);
    REQUIRE(whole.next().ok());
  }
  CHECK(whole.done());
  batch_iterator cut(bytes(all).first(all.size() - 1));
  for (int i = 0; i < 9; ++i) REQUIRE(cut.next().ok());
  CHECK(cut.next().error().code == errc::truncated);
  CHECK(cut.position() == positions.back());
}
