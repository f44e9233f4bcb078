#include "sim/file_image.hh"

#include <doctest/doctest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

using namespace millrace;
using sim::file_image;

namespace {

/// A file and a stamp that counts up, with blocks named by one letter.
struct bench {
  file_image file;
  uint64_t stamp = 0;

  void write(uint64_t position, const std::string& bytes, bool durable = false) {
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    file.write(position, {&piece, 1}, bytes.size(), durable, ++stamp);
  }
  /// One letter per block.
  void blocks(uint64_t first, const std::string& letters, bool durable = false) {
    std::string bytes;
    for (const char c : letters) bytes += std::string(4096, c);
    write(first * 4096, bytes, durable);
  }
  void allocate(uint64_t first, uint64_t count) { file.allocate(first * 4096, count * 4096, ++stamp); }
  void truncate(uint64_t count) { file.truncate(count * 4096, ++stamp); }
  void sync() { file.sync(stamp); }

  /// The file as letters: a block of zeros is '.', a block of several bytes '?'.
  std::string now() const {
    std::string out;
    std::vector<uint8_t> bytes(file.size());
    (void)file.read(0, bytes);
    for (size_t at = 0; at < bytes.size(); at += 4096) {
      const std::set<uint8_t> kinds(bytes.begin() + static_cast<ptrdiff_t>(at),
                                    bytes.begin() + static_cast<ptrdiff_t>(std::min(at + 4096, bytes.size())));
      out += kinds.size() > 1 ? '?' : *kinds.begin() == 0 ? '.' : static_cast<char>(*kinds.begin());
    }
    return out;
  }
};

}  // namespace

TEST_CASE("file image: what a power cut leaves, when it drops or keeps all that is volatile") {
  struct row {
    const char* name;
    std::function<void(bench&)> story;
    const char* now;      ///< what reads see before
    const char* dropped;  ///< after a cut that keeps nothing
    const char* kept;     ///< after one that keeps everything
  };
  const row rows[] = {
      {"a write without a sync", [](bench& b) { b.blocks(0, "ab"); }, "ab", "", "ab"},
      {"a write and a sync",
       [](bench& b) {
         b.blocks(0, "ab");
         b.sync();
       },
       "ab", "ab", "ab"},
      {"an overwrite of written blocks without a sync",
       [](bench& b) {
         b.blocks(0, "ab");
         b.sync();
         b.blocks(0, "AB");
       },
       "AB", "ab", "AB"},
      {"an overwrite and a sync",
       [](bench& b) {
         b.blocks(0, "ab");
         b.sync();
         b.blocks(0, "A");
         b.sync();
       },
       "Ab", "Ab", "Ab"},
      {"a sync takes the writes before it alone",
       [](bench& b) {
         b.blocks(0, "ab");
         b.sync();
         b.blocks(1, "B");
       },
       "aB", "ab", "aB"},
      {"a sync submitted before a write completed does not take it",
       [](bench& b) {
         b.blocks(0, "a");
         const uint64_t before = b.stamp;
         b.blocks(1, "b");
         b.file.sync(before);
       },
       "ab", "a", "ab"},
      {"allocated space reads as zeros",
       [](bench& b) {
         b.allocate(0, 2);
         b.sync();
       },
       "..", "..", ".."},
      {"an allocation without a sync", [](bench& b) { b.allocate(0, 2); }, "..", "", ".."},
      {"a write into unwritten space without a sync is zeros",
       [](bench& b) {
         b.allocate(0, 3);
         b.sync();
         b.blocks(1, "b");
       },
       ".b.", "...", ".b."},
      {"a durable write into unwritten space takes its conversion along",
       [](bench& b) {
         b.allocate(0, 3);
         b.sync();
         b.blocks(1, "b", true);
         b.blocks(2, "c");
       },
       ".bc", ".b.", ".bc"},
      {"a durable write that grows the file takes the size along", [](bench& b) { b.blocks(1, "b", true); }, ".b", ".b",
       ".b"},
      {"a durable write does not take another write of its file along",
       [](bench& b) {
         b.blocks(0, "abc");
         b.sync();
         b.blocks(0, "A");
         b.blocks(2, "C", true);
       },
       "AbC", "abC", "AbC"},
      {"a durable write within the durable size leaves a later growth volatile",
       [](bench& b) {
         b.blocks(0, "ab");
         b.sync();
         b.allocate(2, 2);
         b.blocks(0, "A", true);
       },
       "Ab..", "Ab", "Ab.."},
      {"a durable write past the durable size takes the whole size along",
       [](bench& b) {
         b.blocks(0, "a");
         b.sync();
         b.allocate(1, 3);
         b.blocks(2, "c", true);
       },
       "a.c.", "a.c.", "a.c."},
      {"a durable write stays over an older volatile write of the same block",
       [](bench& b) {
         b.blocks(0, "a");
         b.blocks(0, "A", true);
       },
       "A", "A", "A"},
      {"a volatile write after a durable one may come or not",
       [](bench& b) {
         b.blocks(0, "a", true);
         b.blocks(0, "b");
       },
       "b", "a", "b"},
      {"a truncation without a sync",
       [](bench& b) {
         b.blocks(0, "abc");
         b.sync();
         b.truncate(1);
       },
       "a", "abc", "a"},
      {"a truncation and a sync",
       [](bench& b) {
         b.blocks(0, "abc");
         b.sync();
         b.truncate(1);
         b.sync();
       },
       "a", "a", "a"},
      {"what was cut off does not come back when the file grows again",
       [](bench& b) {
         b.blocks(0, "abc");
         b.sync();
         b.truncate(1);
         b.truncate(3);
         b.sync();
       },
       "a..", "a..", "a.."},
      {"a durable write after a truncation takes it along",
       [](bench& b) {
         b.blocks(0, "abc");
         b.sync();
         b.truncate(0);
         b.blocks(0, "A", true);
       },
       "A", "A", "A"},
      {"a volatile write before a truncation cannot come back after a durable write",
       [](bench& b) {
         b.blocks(0, "abc");
         b.truncate(1);
         b.blocks(2, "C", true);
       },
       "a.C", "..C", "a.C"},
      {"a size set by truncation alone",
       [](bench& b) {
         b.truncate(2);
         b.sync();
       },
       "..", "..", ".."},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    base::prng random(1);
    bench first;
    r.story(first);
    CHECK(first.now() == r.now);
    first.file.crash(random, 0);
    CHECK(first.now() == r.dropped);
    bench second;
    r.story(second);
    second.file.crash(random, 1);
    CHECK(second.now() == r.kept);
    CHECK(second.file.volatile_changes() == 0);
  }
}

TEST_CASE("file image: a torn block is a mix of whole sectors, each old or new") {
  bool mixed = false;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    base::prng random(seed);
    bench b;
    b.blocks(0, "ab");
    b.sync();
    b.blocks(0, "AB");
    b.file.crash(random, 0.5);
    std::vector<uint8_t> bytes(8192);
    REQUIRE(b.file.read(0, bytes) == 8192);
    for (size_t sector = 0; sector < 16; ++sector) {
      const std::set<uint8_t> kinds(bytes.begin() + static_cast<ptrdiff_t>(sector * 512),
                                    bytes.begin() + static_cast<ptrdiff_t>(sector * 512 + 512));
      REQUIRE(kinds.size() == 1);
      const char old = sector < 8 ? 'a' : 'b';
      CHECK((*kinds.begin() == old || *kinds.begin() == old - 'a' + 'A'));
    }
    mixed = mixed || b.now().find('?') != std::string::npos;
  }
  CHECK(mixed);
}

TEST_CASE("file image: an overwritten volatile write may be what survives") {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    base::prng random(seed);
    bench b;
    b.write(0, std::string(512, 'a'), true);
    b.write(0, std::string(512, 'b'));
    b.write(0, std::string(512, 'c'));
    b.file.crash(random, 0.5);
    seen.insert(b.now());
  }
  CHECK(seen == std::set<std::string>{"a", "b", "c"});
}

TEST_CASE("file image: size, extents and bytes are lost each alone") {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    base::prng random(seed);
    bench b;
    b.write(0, std::string(512, 'a'));  // one sector, one conversion, one size
    b.file.crash(random, 0.5);
    seen.insert(b.now());
  }
  CHECK(seen == std::set<std::string>{"", ".", "a"});
}

TEST_CASE("file image: after a sync that failed, a later sync brings nothing back") {
  bool lost = false;
  bool kept = false;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    base::prng random(seed);
    bench b;
    b.blocks(0, "a");
    b.sync();
    b.blocks(0, "A");
    b.file.sync_failed(b.stamp, random);
    CHECK(b.now() == "A");
    b.sync();
    b.file.crash(random, 1);
    lost = lost || b.now() != "A";
    std::vector<uint8_t> bytes(512);
    (void)b.file.read(0, bytes);
    kept = kept || bytes[0] == 'A';
  }
  CHECK(lost);
  CHECK(kept);
}

TEST_CASE("file image: a write that failed changed some sectors and never the size") {
  base::prng random(3);
  bench b;
  b.blocks(0, "a");
  b.sync();
  const std::string bytes(8192, 'z');
  const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  b.file.write_torn(0, {&piece, 1}, bytes.size(), ++b.stamp, random);
  CHECK(b.file.size() == 4096);
  CHECK(b.now() == "?");
}

TEST_CASE("file image: bytes that are no multiple of a block go where they were put") {
  bench b;
  b.write(4000, std::string(200, 'x'));
  std::vector<uint8_t> bytes(5000, 1);
  CHECK(b.file.read(0, bytes) == 4200);
  CHECK(bytes[3999] == 0);
  CHECK(bytes[4000] == 'x');
  CHECK(bytes[4199] == 'x');
  b.file.truncate(4100, ++b.stamp);
  b.file.truncate(4300, ++b.stamp);
  CHECK(b.file.read(4000, bytes) == 300);
  CHECK(bytes[99] == 'x');
  CHECK(bytes[100] == 0);
}

TEST_CASE("file image: damage at rest stays through a crash") {
  base::prng random(5);
  bench b;
  b.blocks(0, "abc");
  b.sync();
  CHECK_FALSE(b.file.corrupt(3 * 4096, 1, sim::damage::zeros, random));
  REQUIRE(b.file.corrupt(4096, 4096, sim::damage::flip_bit, random));
  CHECK(b.now() == "a?c");
  REQUIRE(b.file.corrupt(8192, 4096, sim::damage::zeros, random));
  CHECK(b.now() == "a?.");
  b.file.crash(random, 0);
  CHECK(b.now() == "a?.");
  REQUIRE(b.file.misdirect(0, 8192, 4096));
  CHECK(b.now() == ".?a");
}

TEST_CASE("file image: blocks are counted as they come and go") {
  base::prng random(7);
  bench b;
  b.allocate(0, 4);
  CHECK(b.file.blocks() == 4);
  CHECK(b.file.holes_in(3 * 4096, 2 * 4096) == 1);
  b.blocks(3, "ab");
  CHECK(b.file.blocks() == 5);
  b.sync();
  b.truncate(1);
  CHECK(b.file.blocks() == 1);
  b.file.crash(random, 0);
  CHECK(b.file.blocks() == 5);
}

TEST_CASE("file image: what lies behind the end after a crash is not there when the file grows") {
  bool cut = false;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    base::prng random(seed);
    bench b;
    b.blocks(0, "a");
    b.file.crash(random, 0.5);
    if (b.file.size() > 0) continue;
    cut = true;
    b.truncate(1);
    CHECK(b.now() == ".");
  }
  CHECK(cut);
}
