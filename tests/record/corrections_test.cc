#include "record/corrections.hh"

#include <doctest/doctest.h>

#include "batches.hh"
#include "record/batch_walk.hh"
#include "record/verify.hh"

using namespace millrace;
using namespace millrace::record;
using namespace millrace::record::tests;

namespace {

void set_fields(std::vector<uint8_t>& data, int extra_bits, unix_ms max_timestamp) {
  const int bits = view(data).attributes() | extra_bits;
  base::store_big(data.data() + header::attributes_at, static_cast<int16_t>(bits));
  base::store_big(data.data() + header::max_timestamp_at, max_timestamp);
  seal(data);
}

walk_summary walked(const std::vector<uint8_t>& data) {
  decompressor unpack;
  return walk_batch(view(data), walk_rules::produced(view(data)), unpack, plenty).value();
}

}  // namespace

TEST_CASE("corrections: a batch that is right is left alone") {
  base::prng random(9);
  for (int turn = 0; turn < 50; ++turn) {
    auto data = batch_of(random_records(random), {.codec = static_cast<codec>(random.below(5))});
    const auto before = data;
    CHECK_FALSE(correct_create_time(data, walked(data)));
    CHECK_FALSE(correct_attributes(data));
    CHECK(data == before);
  }
}

TEST_CASE("corrections: CreateTime clears the two bits and sets the largest time, with a right CRC") {
  base::prng random(10);
  for (int turn = 0; turn < 200; ++turn) {
    const auto records = random_records(random);
    auto data = batch_of(records, {.codec = static_cast<codec>(random.below(5)), .transactional = true});
    const auto right = data;
    set_fields(data, static_cast<int>(random.below(2) * 0x08 + random.below(2) * 0x40), random.between(-5, 5));
    const bool different = data != right;
    CHECK(correct_create_time(data, walked(data)) == different);
    REQUIRE(data == right);
    REQUIRE(verify_crc(view(data)).ok());
  }
}

TEST_CASE("corrections: without the records only the bits are cleared") {
  auto data = batch_of({{0, 5, {}, "v", {}}});
  set_fields(data, 0x48, 99);
  CHECK(correct_attributes(data));
  CHECK(view(data).attributes() == 0);
  CHECK(view(data).max_timestamp() == 99);
  CHECK(verify_crc(view(data)).ok());
}

TEST_CASE("corrections: LogAppendTime sets its bit and the time, and keeps the records") {
  auto data = batch_of({{0, 5, {}, "v", {}}}, {.codec = codec::lz4});
  set_fields(data, 0x40, 5);
  set_log_append_time(data, 123456);
  CHECK(view(data).timestamp_type() == timestamp_type::log_append_time);
  CHECK_FALSE(view(data).has_delete_horizon());
  CHECK(view(data).codec() == codec::lz4);
  CHECK(view(data).max_timestamp() == 123456);
  CHECK(view(data).base_timestamp() == 5);
  CHECK(verify_crc(view(data)).ok());
  set_log_append_time(data, 123457);
  CHECK(verify_crc(view(data)).ok());
}

TEST_CASE("corrections: a corrupt batch stays corrupt") {
  auto data = batch_of({{0, 5, {}, "value", {}}});
  data.back() ^= 1;
  set_log_append_time(data, 123456);
  CHECK(verify_crc(view(data)).error().code == base::errc::corrupt);
}
