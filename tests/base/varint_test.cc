#include "base/varint.hh"

#include <doctest/doctest.h>

#include <vector>

#include "base/prng.hh"

using namespace millrace::base;

TEST_CASE("varint: decodes every boundary of 32 bits and refuses the rest") {
  struct row {
    const char* name;
    std::vector<uint8_t> bytes;
    bool ok;
    uint32_t want;
    size_t used;
  };
  const row rows[] = {
      {"nothing", {}, false, 0, 0},
      {"zero", {0x00}, true, 0, 1},
      {"one byte max", {0x7f}, true, 127, 1},
      {"two byte min", {0x80, 0x01}, true, 128, 2},
      {"two byte max", {0xff, 0x7f}, true, 16383, 2},
      {"three byte min", {0x80, 0x80, 0x01}, true, 16384, 3},
      {"largest", {0xff, 0xff, 0xff, 0xff, 0x0f}, true, UINT32_MAX, 5},
      {"one past the largest", {0x80, 0x80, 0x80, 0x80, 0x10}, false, 0, 0},
      {"six bytes", {0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, false, 0, 0},
      {"cut short", {0x80}, false, 0, 0},
      {"cut short after four", {0xff, 0xff, 0xff, 0xff}, false, 0, 0},
      {"padded zero", {0x80, 0x00}, true, 0, 2},
      {"what follows is left", {0x05, 0xff}, true, 5, 1},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    uint32_t value = 0;
    const uint8_t* begin = r.bytes.data();
    const uint8_t* end = decode_varint32(begin, begin + r.bytes.size(), value);
    CHECK((end != nullptr) == r.ok);
    if (!r.ok || end == nullptr) continue;
    CHECK(value == r.want);
    CHECK(static_cast<size_t>(end - begin) == r.used);
  }
}

TEST_CASE("varint: decodes every boundary of 64 bits and refuses the rest") {
  struct row {
    const char* name;
    std::vector<uint8_t> bytes;
    bool ok;
    uint64_t want;
  };
  const row rows[] = {
      {"nothing", {}, false, 0},
      {"largest", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, true, UINT64_MAX},
      {"one past", {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02}, false, 0},
      {"eleven", {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, false, 0},
      {"cut short after nine", {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80}, false, 0},
      {"33 bits", {0x80, 0x80, 0x80, 0x80, 0x10}, true, uint64_t{1} << 32},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    uint64_t value = 0;
    const uint8_t* end = decode_varint64(r.bytes.data(), r.bytes.data() + r.bytes.size(), value);
    CHECK((end != nullptr) == r.ok);
    if (end != nullptr) CHECK(value == r.want);
  }
}

TEST_CASE("varint: zigzag maps small numbers of either sign to small ones") {
  CHECK(zigzag(int32_t{0}) == 0);
  CHECK(zigzag(int32_t{-1}) == 1);
  CHECK(zigzag(int32_t{1}) == 2);
  CHECK(zigzag(INT32_MAX) == UINT32_MAX - 1);
  CHECK(zigzag(INT32_MIN) == UINT32_MAX);
  CHECK(zigzag(INT64_MIN) == UINT64_MAX);
  CHECK(unzigzag(uint32_t{UINT32_MAX}) == INT32_MIN);
  CHECK(unzigzag(uint64_t{UINT64_MAX}) == INT64_MIN);
}

TEST_CASE("varint: what is encoded decodes to itself, in the size foretold, and not a byte less") {
  prng random(4);
  for (int turn = 0; turn < 20000; ++turn) {
    const auto wide = static_cast<int64_t>(random.next() >> random.below(64));
    const int64_t number = random.chance(0.5) ? wide : -wide;
    const auto narrow = static_cast<int32_t>(number);
    uint8_t room[varint64_bytes_max];

    const uint8_t* end = encode_zigzag64(room, number);
    REQUIRE(static_cast<size_t>(end - room) == zigzag64_size(number));
    int64_t back = 0;
    REQUIRE(decode_zigzag64(room, end, back) == end);
    REQUIRE(back == number);
    REQUIRE(decode_zigzag64(room, end - 1, back) == nullptr);

    end = encode_zigzag32(room, narrow);
    REQUIRE(static_cast<size_t>(end - room) == zigzag32_size(narrow));
    int32_t back32 = 0;
    REQUIRE(decode_zigzag32(room, end, back32) == end);
    REQUIRE(back32 == narrow);
    REQUIRE(decode_zigzag32(room, end - 1, back32) == nullptr);
  }
}
