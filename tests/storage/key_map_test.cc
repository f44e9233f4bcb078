#include "storage/key_map.hh"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "sim/world.hh"

using namespace millrace;
using namespace millrace::storage;

namespace {

key_map made(sim::node& n, size_t bytes, uint64_t seed = 5) {
  key_map map(n.core().memory().allocate(bytes), seed);
  while (!map.blank(1000)) {
  }
  return map;
}

}  // namespace

TEST_CASE("key_map: knows the newest offset of each key, as a plain map does") {
  sim::world w(1);
  sim::node& n = w.add_node(1);
  key_map map = made(n, 64 << 10);
  std::map<std::string, int64_t> plain;
  base::prng random(3);
  for (int64_t i = 0; i < 20000; ++i) {
    const std::string key = "k" + std::to_string(random.below(1500));
    REQUIRE(map.put(base::as_bytes(key), base::offset(i)));
    plain[key] = i;
  }
  CHECK(map.count() == plain.size());
  for (const auto& [key, at] : plain) REQUIRE(map.find(base::as_bytes(key)).value() == at);
  CHECK(map.find(base::as_bytes(std::string_view("nobody"))).value() == -1);
  CHECK(map.put({}, base::offset(7)));
  CHECK(map.find({}).value() == 7);
}

TEST_CASE("key_map: a full one takes newer offsets of what it knows, and nothing else") {
  sim::world w(1);
  sim::node& n = w.add_node(1);
  key_map map = made(n, 4096);
  int64_t next = 0;
  while (map.put(base::as_bytes(std::to_string(next)), base::offset(next))) ++next;
  CHECK(map.full());
  CHECK(next == 4096 / 24 / 4 * 3);
  CHECK(map.put(base::as_bytes(std::to_string(3)), base::offset(1000)));
  CHECK(map.find(base::as_bytes(std::to_string(3))).value() == 1000);
  CHECK(map.put(base::as_bytes(std::to_string(3)), base::offset(900)));
  CHECK(map.find(base::as_bytes(std::to_string(3))).value() == 1000);
  CHECK(map.find(base::as_bytes(std::to_string(next))).value() == -1);
}
