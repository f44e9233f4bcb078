#include "base/bytes.hh"

#include <doctest/doctest.h>

#include <array>

#include "base/time.hh"

using namespace millrace::base;

TEST_CASE("bytes: numbers are written in the order asked for") {
  std::array<uint8_t, 8> at{};
  store_big<uint32_t>(at.data(), 0x01020304);
  CHECK(at == std::array<uint8_t, 8>{1, 2, 3, 4, 0, 0, 0, 0});
  store_little<uint32_t>(at.data(), 0x01020304);
  CHECK(at == std::array<uint8_t, 8>{4, 3, 2, 1, 0, 0, 0, 0});
  CHECK(load_big<uint16_t>(at.data()) == 0x0403);
  CHECK(load_little<uint16_t>(at.data()) == 0x0304);
}

TEST_CASE("bytes: negative numbers come back in both orders, unaligned") {
  std::array<uint8_t, 9> at{};
  for (const int64_t value : {int64_t{-1}, INT64_MIN, INT64_MAX, int64_t{0}, int64_t{-4711}}) {
    store_big(at.data() + 1, value);
    CHECK(load_big<int64_t>(at.data() + 1) == value);
    store_little(at.data() + 1, value);
    CHECK(load_little<int64_t>(at.data() + 1) == value);
  }
  store_big<int16_t>(at.data() + 1, -2);
  CHECK(load_big<int16_t>(at.data() + 1) == -2);
}

TEST_CASE("time: units convert and instants order") {
  CHECK(milliseconds(3).us() == 3000);
  CHECK((seconds(1) + milliseconds(5)).ms() == 1005);
  const instant start{100};
  CHECK((start + microseconds(1)) - start == microseconds(1));
  CHECK(start < instant::never());
}
