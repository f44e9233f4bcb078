#include "base/prng.hh"

#include <doctest/doctest.h>

#include <array>
#include <set>
#include <vector>

using namespace millrace::base;

TEST_CASE("prng: a seed gives these numbers in every build") {
  CHECK(mix64(0x9e3779b97f4a7c15ull) == 0xe220a8397b1dcdafull);  // splitmix64's first number from 0
  prng pinned(1);
  CHECK(pinned.next() == 0xcfc5d07f6f03c29bull);
  CHECK(pinned.next() == 0xbf424132963fe08dull);
  CHECK(pinned.next() == 0x19a37d5757aaf520ull);
  CHECK(prng(1).split("disk").next() == 0xa217ac57d97e79f9ull);
  prng a(123), b(123);
  for (int i = 0; i < 100; ++i) REQUIRE(a.next() == b.next());
  CHECK(prng(123).next() != prng(124).next());
  static_assert(prng(7).next() == prng(7).next());
}

TEST_CASE("prng: below stays below and reaches everything") {
  prng random(5);
  std::array<int, 7> seen{};
  for (int i = 0; i < 7000; ++i) ++seen[random.below(7)];
  for (const int count : seen) {
    CHECK(count > 800);
    CHECK(count < 1200);
  }
  CHECK(random.below(1) == 0);
  for (int i = 0; i < 1000; ++i) REQUIRE(random.below((uint64_t{1} << 63) + 1) <= uint64_t{1} << 63);
}

TEST_CASE("prng: between includes both ends, of any width") {
  prng random(6);
  std::set<int64_t> seen;
  for (int i = 0; i < 200; ++i) seen.insert(random.between(-2, 2));
  CHECK(seen == std::set<int64_t>{-2, -1, 0, 1, 2});
  CHECK(random.between(INT64_MIN, INT64_MIN) == INT64_MIN);
  bool negative = false, positive = false;
  for (int i = 0; i < 100; ++i) {
    const int64_t any = random.between(INT64_MIN, INT64_MAX);
    negative = negative || any < 0;
    positive = positive || any > 0;
  }
  CHECK(negative);
  CHECK(positive);
}

TEST_CASE("prng: chance never happens at 0 and always at 1") {
  prng random(7);
  int half = 0;
  for (int i = 0; i < 2000; ++i) {
    REQUIRE_FALSE(random.chance(0));
    REQUIRE(random.chance(1));
    half += random.chance(0.5) ? 1 : 0;
  }
  CHECK(half > 850);
  CHECK(half < 1150);
}

TEST_CASE("prng: a named stream depends on seed and name, not on what was drawn") {
  prng root(8);
  const uint64_t before = root.split("disk").next();
  root.next();
  CHECK(root.split("disk").next() == before);
  CHECK(root.split("network").next() != before);
  CHECK(prng(9).split("disk").next() != before);
  CHECK(root.split(0).next() != root.split(1).next());
  CHECK(root.split("disk").split("disk").next() != before);
}

TEST_CASE("prng: fill writes every byte and none beyond; shuffle keeps what it shuffles") {
  prng random(10);
  for (size_t size = 0; size < 20; ++size) {
    std::vector<uint8_t> any(size + 1, 0);
    for (int i = 0; i < 20; ++i) {
      std::vector<uint8_t> once(size + 1, 0);
      random.fill(mutable_bytes(once).first(size));
      REQUIRE(once[size] == 0);
      for (size_t k = 0; k < size; ++k) any[k] |= once[k];
    }
    for (size_t k = 0; k < size; ++k) REQUIRE(any[k] != 0);
  }
  std::vector<int> cards{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  const std::vector<int> sorted = cards;
  random.shuffle(cards);
  CHECK(cards != sorted);
  CHECK(std::multiset<int>(cards.begin(), cards.end()) == std::multiset<int>(sorted.begin(), sorted.end()));
}
