#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "generator/distribution.hh"
#include "generator/schedule.hh"

namespace millrace::generator {
namespace {

TEST_CASE("sizes: what can be asked for, and what cannot") {
  for (const char* good : {"100", "40", "1048576", "uniform:40-40", "uniform:100-2000", "lognormal:300,0.5"}) {
    CAPTURE(good);
    CHECK(size_distribution::parse(good));
  }
  for (const char* bad : {"", "39", "1048577", "-1", "10x", "uniform:", "uniform:100", "uniform:200-100", "normal:3,4",
                          "lognormal:300", "lognormal:300,0", "lognormal:300,x"}) {
    CAPTURE(bad);
    CHECK(!size_distribution::parse(bad));
  }
}

TEST_CASE("sizes: are as they were asked for") {
  base::prng random(3);
  const auto uniform = *size_distribution::parse("uniform:100-200");
  std::set<size_t> seen;
  for (int i = 0; i < 5000; ++i) seen.insert(uniform.next(random));
  CHECK(*seen.begin() == 100);
  CHECK(*seen.rbegin() == 200);
  CHECK(seen.size() == 101);
  const auto lognormal = *size_distribution::parse("lognormal:300,1");
  std::vector<size_t> sizes;
  for (int i = 0; i < 20001; ++i) sizes.push_back(lognormal.next(random));
  std::ranges::sort(sizes);
  CHECK(std::abs(static_cast<double>(sizes[10000]) - 300) < 20);
  // One sigma above the median: 84.1 %.
  CHECK(std::abs(static_cast<double>(sizes[16827]) / 300 - std::exp(1)) < 0.2);
}

TEST_CASE("keys: uniform and zipf as often as they should") {
  base::prng random(4);
  CHECK(key_distribution::parse("none")->none());
  for (const char* bad : {"", "uniform:0", "zipf:10", "zipf:10,0", "zipf:0,1", "other:3"}) {
    CAPTURE(bad);
    CHECK(!key_distribution::parse(bad));
  }
  for (const double s : {0.5, 1.0, 1.5}) {
    CAPTURE(s);
    const auto zipf = *key_distribution::parse("zipf:50," + std::to_string(s));
    std::vector<double> counts(50, 0);
    constexpr int draws = 100000;
    for (int i = 0; i < draws; ++i) ++counts.at(zipf.next(random));
    double sum = 0;
    for (int k = 1; k <= 50; ++k) sum += std::pow(k, -s);
    for (int k = 1; k <= 50; ++k) {
      const double expected = draws * std::pow(k, -s) / sum;
      CHECK(std::abs(counts[static_cast<size_t>(k - 1)] - expected) < 6 * std::sqrt(expected) + 1);
    }
  }
}

TEST_CASE("keys: go where Kafka's own clients send them") {
  // murmur2 of these texts, from Kafka's own tests of Utils.murmur2.
  struct row {
    const char* key;
    int32_t hash;
  };
  const row rows[] = {{"21", -973932308},
                      {"foobar", -790332482},
                      {"a-little-bit-long-string", -985981536},
                      {"a-little-bit-longer-string", -1486304829},
                      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971}};
  for (const row& r : rows) {
    CAPTURE(r.key);
    for (const int32_t partitions : {1, 3, 1000})
      CHECK(partition_of(r.key, partitions) == (r.hash & INT32_MAX) % partitions);
  }
}

TEST_CASE("schedule: even, and after a ramp that is a straight line") {
  const schedule even({1000}, 1000, {}, 0.5);
  CHECK(even.time_of(0).ns == 1000 + 500000);
  CHECK(even.time_of(1000).ns - even.time_of(0).ns == 1000000000);
  const schedule ramped({0}, 1000, base::seconds(2), 0);
  // Half the rate on average: 1,000 records in the two seconds of the ramp, a quarter of them in its first half.
  CHECK(std::abs(ramped.time_of(1000).ns - 2000000000) < 1000);
  CHECK(std::abs(ramped.time_of(250).ns - 1000000000) < 1000);
  CHECK(std::abs(ramped.time_of(2000).ns - 3000000000) < 1000);
  for (uint64_t n = 0; n < 3000; ++n) CHECK(ramped.time_of(n) < ramped.time_of(n + 1));
}

}  // namespace
}  // namespace millrace::generator
