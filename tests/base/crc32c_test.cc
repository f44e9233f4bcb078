#include "base/crc32c.hh"

#include <doctest/doctest.h>

#include <vector>

#include "base/prng.hh"

using namespace millrace::base;

namespace {

/// A bit at a time, from the definition.
uint32_t oracle(bytes data) {
  uint32_t state = 0xffffffffu;
  for (const uint8_t byte : data) {
    state ^= byte;
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) != 0 ? 0x82f63b78u : 0);
  }
  return ~state;
}

std::vector<crc32c_kernel> kernels() {
  std::vector<crc32c_kernel> all;
  for (uint8_t k = 0; k <= static_cast<uint8_t>(crc32c_kernel_in_use()); ++k) {
    all.push_back(static_cast<crc32c_kernel>(k));
  }
  return all;
}

std::vector<uint8_t> random_bytes(prng& random, size_t size) {
  std::vector<uint8_t> data(size);
  random.fill(data);
  return data;
}

}  // namespace

TEST_CASE("crc32c: known vectors (RFC 3720 B.4 and the check value)") {
  CHECK(crc32c(0, {}) == 0);
  CHECK(crc32c(0, as_bytes("123456789")) == 0xe3069283u);
  const std::vector<uint8_t> zeros(32, 0), ones(32, 0xff);
  CHECK(crc32c(0, zeros) == 0x8a9136aau);
  CHECK(crc32c(0, ones) == 0x62a8ab43u);
  std::vector<uint8_t> rising(32);
  for (size_t i = 0; i < rising.size(); ++i) rising[i] = static_cast<uint8_t>(i);
  CHECK(crc32c(0, rising) == 0x46dd794eu);
}

TEST_CASE("crc32c: all kernels agree with the definition at every size and alignment") {
  prng random(1);
  const auto data = random_bytes(random, 5000);
  std::vector<uint8_t> target(5000);
  for (const crc32c_kernel kernel : kernels()) {
    CAPTURE(static_cast<int>(kernel));
    for (size_t size = 0; size < 1200; size += size < 600 ? 1 : 7) {
      const size_t skew = random.below(65);
      const bytes part = bytes(data).subspan(skew, size);
      REQUIRE(crc32c_by(kernel, 0, nullptr, part.data(), size) == oracle(part));
      std::fill(target.begin(), target.end(), uint8_t{0xee});
      const size_t place = 1 + random.below(64);
      REQUIRE(crc32c_by(kernel, 0, target.data() + place, part.data(), size) == oracle(part));
      REQUIRE(std::equal(part.begin(), part.end(), target.begin() + static_cast<ptrdiff_t>(place)));
      REQUIRE(target[place - 1] == 0xee);
      REQUIRE(target[place + size] == 0xee);
    }
  }
}

TEST_CASE("crc32c: goes on, joins and copies the same number whatever the cut") {
  prng random(2);
  for (int turn = 0; turn < 300; ++turn) {
    const auto data = random_bytes(random, random.below(4000));
    const size_t cut = random.below(data.size() + 1);
    const bytes a = bytes(data).first(cut), b = bytes(data).subspan(cut);
    const uint32_t whole = oracle(data);
    for (const crc32c_kernel kernel : kernels()) {
      const uint32_t first = crc32c_by(kernel, 0, nullptr, a.data(), a.size());
      REQUIRE(crc32c_by(kernel, first, nullptr, b.data(), b.size()) == whole);
    }
    REQUIRE(crc32c(crc32c(0, a), b) == whole);
    REQUIRE(crc32c_combine(crc32c(0, a), crc32c(0, b), b.size()) == whole);
    std::vector<uint8_t> target(data.size());
    REQUIRE(crc32c_copy(0, target.data(), data.data(), data.size()) == whole);
    REQUIRE(target == data);
  }
}

TEST_CASE("crc32c: a length beyond memory joins like shorter ones") {
  // 2^40 zeros, by doubling.
  uint32_t zeros = crc32c(0, std::vector<uint8_t>{0});
  for (int k = 0; k < 40; ++k) zeros = crc32c_combine(zeros, zeros, uint64_t{1} << k);
  const uint32_t left = crc32c(0, as_bytes("left"));
  uint32_t stepwise = left;
  uint32_t half = crc32c(0, std::vector<uint8_t>{0});
  for (int k = 0; k < 39; ++k) half = crc32c_combine(half, half, uint64_t{1} << k);
  stepwise = crc32c_combine(stepwise, half, uint64_t{1} << 39);
  stepwise = crc32c_combine(stepwise, half, uint64_t{1} << 39);
  CHECK(crc32c_combine(left, zeros, uint64_t{1} << 40) == stepwise);
}

TEST_CASE("crc32c: a change in the middle is followed without the rest, and heals nothing") {
  prng random(3);
  for (int turn = 0; turn < 300; ++turn) {
    auto data = random_bytes(random, 1 + random.below(3000));
    const uint32_t before = crc32c(0, data);
    const size_t begin = random.below(data.size());
    const size_t size = std::min<size_t>(1 + random.below(40), data.size() - begin);
    const std::vector<uint8_t> old(data.begin() + static_cast<ptrdiff_t>(begin),
                                   data.begin() + static_cast<ptrdiff_t>(begin + size));
    random.fill(mutable_bytes(data).subspan(begin, size));
    const size_t behind = data.size() - begin - size;
    const uint32_t after = crc32c_replace(before, old.data(), data.data() + begin, size, behind);
    REQUIRE(after == crc32c(0, data));
    const uint32_t wrong = crc32c_replace(before ^ 1, old.data(), data.data() + begin, size, behind);
    REQUIRE(wrong != after);
  }
}
