#include "broker/group/java_string.hh"

#include <string>

#include <doctest/doctest.h>

#include "base/prng.hh"

namespace millrace::broker {
namespace {

using namespace std::string_view_literals;

/// As Java says it of new String(bytes, UTF_8); the partition of 50 by Kafka's rule for the absolute value.
struct row {
  std::string_view text;
  int32_t length;
  int32_t hash;
  int32_t partition;
};

}  // namespace

TEST_CASE("java string: length, hash and coordinator are those that Java has for the same text") {
  const row rows[] = {
      {"", 0, 0, 0},
      {"\0"sv, 1, 0, 0},
      {"a", 1, 97, 47},
      {"my-group", 8, -1906497762, 12},
      {"console-consumer-12345", 22, 158455506, 6},
      {"group.with.dots", 15, -403066941, 41},
      {"connect-cluster", 15, 1440343063, 13},
      {"the quick brown fox jumps over the lazy dog", 43, -2082818701, 1},
      {"polygenelubricants", 18, INT32_MIN, 0},  // it has no absolute value
      {"Gr\xc3\xbc\xc3\x9f"
       "e",
       5, 69215351, 1},
      {"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e-group", 9, 695781065, 15},
      {"\xf0\x9f\x98\x80", 2, 1772899, 49},  // U+1F600 is a pair of surrogates
      {"team-\xf0\x9f\x9a\x80-\xf0\x9f\x87\xba\xf0\x9f\x87\xb3", 12, 562595119, 19},
      {"\xef\xbf\xbd", 1, 65533, 33},
      // The ends of each length: U+07FF, U+0800, U+FFFF, U+10000, U+10FFFF.
      {"\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 7, 548484382, 32},
  };
  for (const row& r : rows) {
    CAPTURE(r.text);
    CHECK(java_length(r.text) == r.length);
    CHECK(java_hash(r.text) == r.hash);
    CHECK(coordinator_partition(r.text, 50) == r.partition);
  }
}

TEST_CASE("java string: what is no UTF-8 is replaced as often as Java replaces it") {
  const row rows[] = {
      {"\x80", 1, 65533, 33},
      {"a\xff"
       "b",
       3, 2124838, 38},
      {"\xc3", 1, 65533, 33},
      {"\xc3(", 2, 2031563, 13},
      {"\xc0\xaf", 2, 2097056, 6},
      {"\xe0", 1, 65533, 33},
      {"\xe0\x80", 2, 2097056, 6},
      {"\xe0\x80\x80", 3, 65074269, 19},  // longer than it need be
      {"\xe0\xa0", 1, 65533, 33},         // cut short
      {"\xe1\x82", 1, 65533, 33},
      {"\xe1\x82\x41", 2, 2031588, 38},
      {"\xed\xa0\x80", 1, 65533, 33},  // a surrogate
      {"\xed\xbf\xbf", 1, 65533, 33},
      {"\xed\xa0\x80\xed\xb0\x80", 2, 2097056, 6},
      {"\xed\xa0\x41", 2, 2031588, 38},
      {"\xf0\x9f\x98", 1, 65533, 33},
      {"\xf0\x9f\x98\x41", 2, 2031588, 38},
      {"\xf0\x80\x80\xaf", 4, 2017367872, 22},
      {"\xf0\x90\x41\x41", 3, 62979293, 43},
      {"\xf1\x80\x80\xc3\xa9", 2, 2031756, 6},
      {"\xf4\x8f\xbf\xbf", 2, 1803232, 32},
      {"\xf4\x90\x80\x80", 4, 2017367872, 22},  // past U+10FFFF
      {"\xf5\x80\x80\x80", 4, 2017367872, 22},
      {"\xf8\x88\x80\x80\x80", 5, -1886039875, 25},
      {"\xff\xfe", 2, 2097056, 6},
  };
  for (const row& r : rows) {
    CAPTURE(r.hash);
    CAPTURE(r.length);
    CHECK(java_length(r.text) == r.length);
    CHECK(java_hash(r.text) == r.hash);
    CHECK(coordinator_partition(r.text, 50) == r.partition);
  }
}

TEST_CASE("java string: a text ends where it ends, whatever lies behind it") {
  constexpr std::string_view whole = "\xf0\x9f\x98\x80";
  for (size_t size = 1; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(java_hash(whole.substr(0, size)) == 65533);
  }
}

TEST_CASE("java string: any bytes have a coordinator, and no more units than bytes") {
  base::prng random(11);
  for (int i = 0; i < 20000; ++i) {
    std::string text(random.below(12), '\0');
    for (char& c : text) c = static_cast<char>(random.chance(0.3) ? random.below(256) : 0x80 + random.below(128));
    const auto partitions = static_cast<int32_t>(1 + random.below(100));
    const int32_t partition = coordinator_partition(text, partitions);
    CHECK(partition >= 0);
    CHECK(partition < partitions);
    CHECK(java_length(text) >= 0);
    CHECK(static_cast<size_t>(java_length(text)) <= text.size());
  }
  CHECK(coordinator_partition("my-group", 1) == 0);
}

}  // namespace millrace::broker
