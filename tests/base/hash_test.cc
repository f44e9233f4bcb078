#include "base/hash.hh"

#include <doctest/doctest.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "base/prng.hh"

using namespace millrace::base;

TEST_CASE("hash: known vectors") {
  CHECK(fnv1a("") == 0xcbf29ce484222325ull);
  CHECK(fnv1a("a") == 0xaf63dc4c8601ec8cull);
  CHECK(fnv1a("foobar") == 0x85944171f73967e8ull);
  CHECK(xxh3({}) == 0x2d06800538d394c2ull);  // XXH3_64bits of nothing, seed 0
}

TEST_CASE("hash: pieces sum to the same number as the whole") {
  prng random(11);
  for (int turn = 0; turn < 200; ++turn) {
    std::vector<uint8_t> data(random.below(5000));
    random.fill(data);
    const uint64_t seed = random.chance(0.5) ? 0 : random.next();
    xxh3_stream stream(seed);
    for (bytes rest = data; !rest.empty();) {
      const size_t step = 1 + random.below(rest.size());
      stream.add(rest.first(step));
      rest = rest.subspan(step);
    }
    REQUIRE(stream.digest() == xxh3(data, seed));
  }
}

TEST_CASE("hash: one bit changes the sum") {
  std::vector<uint8_t> data(4096, 7);
  const uint64_t before = xxh3(data);
  data[4000] ^= 1;
  CHECK(xxh3(data) != before);
  CHECK(xxh3(data, 1) != xxh3(data, 2));
}

TEST_CASE("hash: a map of texts is searched by view") {
  std::unordered_map<std::string, int, string_hash, std::equal_to<>> map;
  map.emplace("orders", 1);
  CHECK(map.find(std::string_view("orders")) != map.end());
  CHECK(map.find(std::string_view("order")) == map.end());
}
