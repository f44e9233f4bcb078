#include "base/counters.hh"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/prng.hh"

using namespace millrace::base;

TEST_CASE("counter: counts up") {
  counter c;
  c.add();
  c.add(41);
  CHECK(c.value() == 42);
}

TEST_CASE("histogram: empty says 0 everywhere") {
  const auto h = std::make_unique<histogram>();
  CHECK(h->count() == 0);
  CHECK(h->least() == 0);
  CHECK(h->most() == 0);
  CHECK(h->mean() == 0);
  CHECK(h->percentile(50) == 0);
}

TEST_CASE("histogram: small values are exact") {
  const auto h = std::make_unique<histogram>();
  for (uint64_t v = 1; v <= 100; ++v) h->record(v);
  CHECK(h->percentile(0) == 1);
  CHECK(h->percentile(1) == 1);
  CHECK(h->percentile(50) == 50);
  CHECK(h->percentile(99) == 99);
  CHECK(h->percentile(100) == 100);
  CHECK(h->mean() == doctest::Approx(50.5));
  CHECK(h->count_up_to(50) == 50);
  CHECK(h->count_up_to(0) == 0);
}

TEST_CASE("histogram: values past the range count as its end, negative lengths as 0") {
  const auto h = std::make_unique<histogram>();
  h->record(UINT64_MAX);
  CHECK(h->most() == (uint64_t{1} << 42) - 1);
  CHECK(h->percentile(50) == (uint64_t{1} << 42) - 1);
  h->record(nanoseconds(-5));
  CHECK(h->least() == 0);
  CHECK(h->count_up_to(UINT64_MAX) == 2);
}

TEST_CASE("histogram: percentiles are those of the sorted values within a 64th, merged or not") {
  prng random(13);
  for (int turn = 0; turn < 20; ++turn) {
    const auto one = std::make_unique<histogram>(), other = std::make_unique<histogram>();
    std::vector<uint64_t> values;
    const size_t count = 1 + random.below(2000);
    for (size_t i = 0; i < count; ++i) {
      const uint64_t value = random.next() >> (22 + random.below(42));
      values.push_back(value);
      (random.chance(0.5) ? one : other)->record(value);
    }
    one->merge(*other);
    std::sort(values.begin(), values.end());
    REQUIRE(one->count() == count);
    REQUIRE(one->least() == values.front());
    REQUIRE(one->most() == values.back());
    for (const double percent : {0.0, 10.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
      size_t rank = 1;
      while (rank < count && static_cast<double>(rank) < percent / 100.0 * static_cast<double>(count)) ++rank;
      const uint64_t exact = values[rank - 1];
      const uint64_t said = one->percentile(percent);
      REQUIRE(said >= exact);
      REQUIRE(said <= exact + exact / 64);
    }
    one->reset();
    REQUIRE(one->count() == 0);
  }
}
