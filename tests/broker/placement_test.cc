#include "broker/catalog/placement.hh"

#include <doctest/doctest.h>

#include <vector>

namespace millrace::broker {
namespace {

base::uuid topic_number(uint64_t i) { return base::uuid::from_random(i * 77, i); }

}  // namespace

TEST_CASE("placement: the partitions of a topic are spread as evenly as can be") {
  for (const unsigned cores : {1u, 2u, 3u, 7u, 16u}) {
    const placement where(cores);
    for (uint64_t t = 0; t < 20; ++t) {
      std::vector<unsigned> count(cores);
      for (int32_t p = 0; p < 24; ++p) ++count[where.owner_of(topic_number(t), "t", p).value()];
      for (const unsigned c : count) CHECK((c == 24 / cores || c == 24 / cores + 1));
    }
  }
}

TEST_CASE("placement: many topics of one partition use all cores alike") {
  const placement where(4);
  std::vector<unsigned> count(4);
  for (uint64_t t = 0; t < 4000; ++t) ++count[where.owner_of(topic_number(t), "t", 0).value()];
  for (const unsigned c : count) {
    CHECK(c > 850);
    CHECK(c < 1150);
  }
}

TEST_CASE("placement: the name of a topic has no say, and the same question has one answer") {
  const placement where(5);
  for (int32_t p = 0; p < 10; ++p) {
    CHECK(where.owner_of(topic_number(3), "a", p) == where.owner_of(topic_number(3), "b", p));
  }
}

TEST_CASE("placement: an override holds for its partition only, and only for a core that there is") {
  placement where(3);
  const base::uuid id = topic_number(1);
  const base::core_id usual = where.owner_of(id, "hot", 1);
  const base::core_id other((usual.value() + 1) % 3);
  REQUIRE(where.set_override("hot", 1, other));
  CHECK(where.owner_of(id, "hot", 1) == other);
  CHECK(where.owner_of(id, "cold", 1) == usual);
  CHECK(where.owner_of(id, "hot", 2) == placement(3).owner_of(id, "hot", 2));
  CHECK_FALSE(where.set_override("hot", 0, base::core_id(3)));
  CHECK(where.owner_of(id, "hot", 0) == placement(3).owner_of(id, "hot", 0));
}

}  // namespace millrace::broker
