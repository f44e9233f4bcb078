#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "base/prng.hh"
#include "generator/hdr_histogram.hh"

namespace millrace::generator {
namespace {

TEST_CASE("hdr histogram: small values are exact, large ones right to three digits") {
  hdr_histogram h;
  base::prng random(1);
  std::vector<int64_t> values;
  for (int i = 0; i < 20000; ++i) values.push_back(static_cast<int64_t>(std::pow(10, random.unit() * 12.5)));
  for (const int64_t v : values) h.record(v);
  std::ranges::sort(values);
  CHECK(h.count() == values.size());
  CHECK(h.min() == values.front());
  for (const double percent : {1.0, 50.0, 90.0, 99.0, 99.9}) {
    CAPTURE(percent);
    const auto rank = static_cast<size_t>(percent / 100 * static_cast<double>(values.size()) + 0.5);
    const int64_t exact = values[rank - 1];
    CHECK(h.percentile(percent) >= exact);
    CHECK(static_cast<double>(h.percentile(percent)) <= static_cast<double>(exact) * 1.001 + 1);
  }
  CHECK(h.percentile(100) == h.max());
}

TEST_CASE("hdr histogram: what lies outside counts as its ends, and nothing is 0 everywhere") {
  hdr_histogram h;
  CHECK(h.min() == 0);
  CHECK(h.max() == 0);
  CHECK(h.mean() == 0);
  CHECK(h.percentile(99) == 0);
  h.record(-5);
  h.record(hdr_histogram::highest * 2, 3);
  CHECK(h.count() == 4);
  CHECK(h.min() == 0);
  CHECK(h.max() >= hdr_histogram::highest);
  h.reset();
  CHECK(h.count() == 0);
  CHECK(h.max() == 0);
}

TEST_CASE("hdr histogram: survives its encoding, and two added are as one") {
  for (const int digits : {2, 3}) {
    CAPTURE(digits);
    hdr_histogram one(digits);
    hdr_histogram two(digits);
    hdr_histogram both(digits);
    base::prng random(7);
    for (int i = 0; i < 5000; ++i) {
      const auto v = static_cast<int64_t>(random.below(uint64_t{1} << random.below(42)));
      const uint64_t count = random.chance(0.01) ? uint64_t{1} << random.below(60 - 13) : 1;
      (i % 2 == 0 ? one : two).record(v, count);
      both.record(v, count);
    }
    // A count that takes all nine bytes of a word.
    one.record(123, uint64_t{1} << 62);
    both.record(123, uint64_t{1} << 62);
    const auto read = hdr_histogram::from_base64(both.to_base64());
    REQUIRE(read);
    one.add(two);
    for (const hdr_histogram* same : {&*read, static_cast<const hdr_histogram*>(&one)}) {
      CHECK(same->count() == both.count());
      CHECK(same->max() == both.max());
      CHECK(same->mean() == both.mean());
      for (const double p : {0.1, 10.0, 50.0, 99.0, 99.99}) CHECK(same->percentile(p) == both.percentile(p));
      CHECK(same->to_base64() == both.to_base64());
    }
  }
  const auto empty = hdr_histogram::from_base64(hdr_histogram().to_base64());
  REQUIRE(empty);
  CHECK(empty->count() == 0);
}

TEST_CASE("hdr histogram: text that is none is refused") {
  hdr_histogram h;
  h.record(1000);
  const std::string good = h.to_base64();
  CHECK(good.starts_with("HISTFAAA"));
  CHECK(!hdr_histogram::from_base64(""));
  CHECK(!hdr_histogram::from_base64("HIST"));
  CHECK(!hdr_histogram::from_base64("!" + good));
  CHECK(!hdr_histogram::from_base64(good.substr(0, good.size() / 2)));
  std::string other = good;
  other[2] = 'A';
  CHECK(!hdr_histogram::from_base64(other));
}

}  // namespace
}  // namespace millrace::generator
