#include <doctest/doctest.h>

#include <string>

#include "base/prng.hh"
#include "storage/offset_index.hh"
#include "storage/time_index.hh"

namespace millrace::storage {
namespace {

base::offset at(int64_t o) { return base::offset(o); }

TEST_CASE("offset index: finds what a walk over all batches finds") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    base::prng random(seed);
    struct batch {
      int64_t first, last;
      uint32_t position;
    };
    std::vector<batch> batches;
    offset_index index(at(1000));
    int64_t next = 1000;
    uint32_t position = 0;
    for (int i = 0; i < 200; ++i) {
      next += static_cast<int64_t>(random.below(3));  // compaction leaves gaps
      const batch b{next, next + static_cast<int64_t>(random.below(5)), position};
      if (i > 0 && random.chance(0.2)) index.add(at(b.last), b.position);
      next = b.last + 1;
      position += 61 + static_cast<uint32_t>(random.below(5000));
      batches.push_back(b);
    }
    for (int64_t target = 1000; target < next; ++target) {
      uint32_t wanted = 0;  // of the first batch that ends at or behind the target
      for (const batch& b : batches) {
        wanted = b.position;
        if (b.last >= target) break;
      }
      const uint32_t found = index.position_before(at(target));
      CHECK(found <= wanted);
      CHECK(index.batch_start_before(wanted) >= found);
      CHECK(index.batch_start_before(wanted) <= wanted);
    }
  }
}

TEST_CASE("offset index: its file is Kafka's, big endian and relative") {
  offset_index index(at(100));
  index.add(at(103), 5000);
  index.add(at(400), 70000);
  const std::vector<uint8_t> file = index.encode();
  const std::vector<uint8_t> wanted{0, 0, 0, 3, 0, 0, 0x13, 0x88, 0, 0, 1, 0x2c, 0, 1, 0x11, 0x70};
  CHECK(file == wanted);
  offset_index read(at(100));
  REQUIRE(read.decode(file, 70001, at(401)));
  CHECK(read.encode() == file);
  CHECK(read.position_before(at(102)) == 0);
  CHECK(read.position_before(at(103)) == 5000);
  CHECK(read.position_before(at(399)) == 5000);
  CHECK(read.position_before(at(400)) == 70000);
  CHECK_FALSE(read.full(24, 0));
  CHECK(read.full(23, 0));
}

TEST_CASE("offset index: a file that is none is refused and leaves the index as it was") {
  struct row {
    const char* name;
    std::vector<uint8_t> file;
  };
  const row rows[] = {
      {"half an entry", {0, 0, 0, 1}},
      {"same offset twice", {0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 10}},
      {"position goes back", {0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 9}},
      {"behind the bytes", {0, 0, 0, 1, 0, 0, 0, 100}},
      {"behind the offsets", {0, 0, 0, 50, 0, 0, 0, 9}},
      {"negative offset", {0xff, 0, 0, 1, 0, 0, 0, 9}},
      {"negative position", {0, 0, 0, 1, 0xff, 0, 0, 9}},
      {"preallocated zeros behind", {0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0}},
  };
  for (const row& r : rows) {
    CAPTURE(std::string(r.name));
    offset_index index(at(0));
    index.add(at(1), 7);
    const auto decoded = index.decode(r.file, 100, at(50));
    REQUIRE_FALSE(decoded);
    CHECK(decoded.error().code == base::errc::corrupt);
    CHECK(index.count() == 1);
  }
}

TEST_CASE("offset index: an earlier part goes before what was noted since") {
  offset_index earlier(at(0)), later(at(0));
  earlier.add(at(5), 100);
  later.add(at(9), 300);
  later.prepend(earlier);
  CHECK(later.count() == 2);
  CHECK(later.position_before(at(8)) == 100);
  CHECK(later.position_before(at(9)) == 300);
}

TEST_CASE("time index: a scan from where it says misses no record") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    base::prng random(seed);
    time_index index(at(10));
    struct batch {
      int64_t last;
      base::unix_ms largest;
    };
    std::vector<batch> batches;
    int64_t next = 10;
    for (int i = 0; i < 100; ++i) {
      const batch b{next + static_cast<int64_t>(random.below(4)), 500 + i + random.between(-30, 30)};
      index.note(b.largest, at(b.last));
      if (random.chance(0.3)) index.add_entry();
      next = b.last + 1;
      batches.push_back(b);
    }
    time_index read(at(10));
    REQUIRE(read.decode(index.encode(), at(next)));
    for (base::unix_ms target = 460; target < 640; ++target) {
      int64_t first = INT64_MAX;  // last offset of the first batch that can hold it
      for (const batch& b : batches) {
        if (b.largest >= target) first = std::min(first, b.last);
      }
      CHECK(index.scan_from(target) <= at(first));
      CHECK(read.scan_from(target) <= at(first));
    }
    base::unix_ms largest = -1;
    for (const batch& b : batches) largest = std::max(largest, b.largest);
    CHECK(read.largest() == largest);
    CHECK(read.largest_offset() == index.largest_offset());
  }
}

TEST_CASE("time index: entries ascend, and the last one is the largest timestamp") {
  time_index index(at(100));
  index.note(1000, at(101));
  index.add_entry();
  index.note(900, at(103));
  index.add_entry();  // nothing newer
  index.note(1500, at(105));
  index.note(1500, at(107));  // the first batch that has it counts
  CHECK(index.count() == 1);
  const std::vector<uint8_t> wanted{0, 0, 0, 0, 0, 0, 3, 0xe8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 5, 0xdc, 0, 0, 0, 5};
  CHECK(index.encode() == wanted);
  CHECK(index.count() == 1);
  CHECK(index.largest() == 1500);
  CHECK(index.largest_offset() == at(105));
}

TEST_CASE("time index: batches without a time make no entry") {
  time_index index(at(0));
  index.note(-1, at(3));
  index.add_entry();
  CHECK(index.encode().empty());
  CHECK(index.largest() == -1);
  CHECK(index.scan_from(0) == at(0));
}

TEST_CASE("time index: a file that is none is refused") {
  const std::vector<uint8_t> one{0, 0, 0, 0, 0, 0, 3, 0xe8, 0, 0, 0, 1};
  std::vector<uint8_t> twice = one;
  twice.insert(twice.end(), one.begin(), one.end());
  std::vector<uint8_t> zeros = one;
  zeros.resize(24);
  std::vector<uint8_t> cut = one;
  cut.pop_back();
  for (const auto& file : {twice, zeros, cut}) {
    time_index index(at(0));
    CHECK_FALSE(index.decode(file, at(50)));
  }
  time_index index(at(0));
  CHECK(index.decode(one, at(2)));
  CHECK_FALSE(index.decode(one, at(1)));
}

TEST_CASE("time index: entries made without knowing the earlier part are dropped where it was newer") {
  time_index earlier(at(0)), later(at(0));
  earlier.note(1000, at(4));
  earlier.add_entry();
  later.note(800, at(6));
  later.add_entry();
  SUBCASE("later never reached it") {
    later.prepend(earlier);
    CHECK(later.count() == 1);
    CHECK(later.largest() == 1000);
    CHECK(later.largest_offset() == at(4));
  }
  SUBCASE("later went beyond") {
    later.note(1200, at(9));
    later.add_entry();
    later.prepend(earlier);
    CHECK(later.count() == 2);
    CHECK(later.largest_offset() == at(9));
    CHECK(later.scan_from(1100) == at(4));
  }
}

}  // namespace
}  // namespace millrace::storage
