#include "base/buckets.hh"

#include <doctest/doctest.h>

namespace millrace::base {

TEST_CASE("buckets: a value is counted in the first bucket whose bound it does not exceed") {
  count_buckets b;
  for (const uint64_t value : {0, 1, 2, 4, 5, 16384, 16385}) b.record(value);
  const std::span<const uint64_t> counts = b.counts();
  REQUIRE(counts.size() == count_buckets::bounds().size() + 1);
  CHECK(counts[0] == 2);  // 0 and 1
  CHECK(counts[1] == 2);  // 2 and 4
  CHECK(counts[2] == 1);  // 5
  CHECK(counts[7] == 1);  // 16384
  CHECK(counts[8] == 1);  // above all bounds
  CHECK(b.count() == 7);
  CHECK(b.sum() == 0 + 1 + 2 + 4 + 5 + 16384 + 16385);
}

TEST_CASE("buckets: a duration is counted in nanoseconds, a negative one as none") {
  latency_buckets b;
  b.record(microseconds(50));
  b.record(nanoseconds(50'001));
  b.record(milliseconds(-3));
  CHECK(b.counts()[0] == 2);
  CHECK(b.counts()[1] == 1);
  CHECK(b.sum() == 100'001);
}

TEST_CASE("buckets: bounds rise") {
  for (const auto bounds : {latency_buckets::bounds(), size_buckets::bounds(), count_buckets::bounds()}) {
    for (size_t i = 1; i < bounds.size(); ++i) CHECK(bounds[i - 1] < bounds[i]);
  }
}

}  // namespace millrace::base
