#include "storage/verified_ranges.hh"

#include <doctest/doctest.h>

#include <map>

#include "base/limits.hh"
#include "base/prng.hh"

namespace millrace::storage {

namespace {

using base::offset;

/// Notes batches [first, limit) of `bytes` each, one record each, as one read.
void read_through(verified_ranges& v, int first, int limit, uint64_t bytes) {
  for (int i = first; i < limit; ++i) {
    const auto at = static_cast<uint64_t>(i) * bytes;
    v.note(i == first, offset(i), at, at + bytes);
  }
}

}  // namespace

TEST_CASE("verified ranges: nothing is good that was not read, and reads that meet become one range") {
  verified_ranges v;
  CHECK_FALSE(v.find(offset(0), 1 << 20));
  read_through(v, 0, 4, 100'000);
  const auto first = v.find(offset(0), 1 << 20);
  REQUIRE(first);
  CHECK(first->begin == 0);
  CHECK(first->end == 400'000);
  CHECK_FALSE(v.find(offset(4), 1 << 20));
  read_through(v, 6, 8, 100'000);
  CHECK(v.find(offset(0), 1 << 20)->end == 400'000);
  CHECK(v.find(offset(6), 1 << 20)->begin == 600'000);
  read_through(v, 4, 6, 100'000);
  CHECK(v.find(offset(0), 1 << 20)->end == 800'000);
  CHECK(v.find(offset(3), 250'000)->end == 500'000);
  CHECK_FALSE(v.find(offset(3), 99'999));
  CHECK(v.find(offset(3), 100'000)->end == 400'000);
}

TEST_CASE("verified ranges: small batches are remembered every 64 KiB, and where a read began") {
  verified_ranges v;
  read_through(v, 0, 1000, 1000);
  CHECK(v.find(offset(0), 1'000'000)->end == 1'000'000);
  CHECK_FALSE(v.find(offset(1), 1'000'000));
  CHECK(v.find(offset(0), 100'000)->end == 66'000);
  CHECK(v.find(offset(66), 100'000)->begin == 66'000);
  CHECK_FALSE(v.find(offset(70), 100'000));
  // Who reads from there once more will find it.
  read_through(v, 70, 80, 1000);
  CHECK(v.find(offset(70), 100'000)->end == 132'000);
  CHECK(v.better_end(0, 100'000) == 70'000);
  CHECK(v.better_end(70'000, 100'000) == 100'000);
  CHECK(v.better_end(0, 1'000'000) == 1'000'000);
  CHECK(v.better_end(0, 2'000'000) == 2'000'000);
}

TEST_CASE("verified ranges: what is remembered of a segment is bounded, wherever reads begin") {
  constexpr int batches = 100'000;
  verified_ranges v;
  read_through(v, 0, batches, 100);
  for (int i = 0; i < batches; ++i)
    v.note(true, offset(i), static_cast<uint64_t>(i) * 100, static_cast<uint64_t>(i) * 100 + 100);
  CHECK(v.memory() < base::mib);
  CHECK(v.find(offset(0), batches * 100)->end == batches * 100);
}

TEST_CASE("verified ranges: reads in any order never make good what was not read") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    base::prng random(seed);
    std::vector<uint64_t> starts{0};
    for (int i = 0; i < 120; ++i) starts.push_back(starts.back() + 100 + random.below(40'000));
    std::vector<bool> good(120);
    verified_ranges v;
    for (int read = 0; read < 30; ++read) {
      const size_t from = random.below(120);
      const size_t to = from + 1 + random.below(std::min<uint64_t>(12, 120 - from));
      for (size_t i = from; i < to; ++i) {
        good[i] = true;
        v.note(i == from, offset(static_cast<int64_t>(i)), starts[i], starts[i + 1]);
      }
      REQUIRE(v.find(offset(static_cast<int64_t>(from)), UINT32_MAX));
      const size_t wanted = random.below(120);
      const uint64_t most = 1 + random.below(300'000);
      if (const auto found = v.find(offset(static_cast<int64_t>(wanted)), most)) {
        CHECK(found->begin == starts[wanted]);
        CHECK(found->end - found->begin <= most);
        size_t i = wanted;
        for (; starts[i] < found->end; ++i) REQUIRE(good[i]);
        CHECK(starts[i] == found->end);
      }
      const uint64_t cut = v.better_end(starts[from], starts[to]);
      CHECK(cut > starts[from]);
      CHECK(cut <= starts[to]);
    }
  }
}

}  // namespace millrace::storage
