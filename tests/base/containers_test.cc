#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/intrusive_list.hh"
#include "base/object_pool.hh"
#include "base/prng.hh"
#include "base/ring_queue.hh"

using namespace millrace::base;

namespace {

struct item : list_hook<> {
  explicit item(int n) : number(n) {}
  int number;
};

std::vector<int> numbers(intrusive_list<item>& list) {
  std::vector<int> out;
  for (const item& i : list) out.push_back(i.number);
  return out;
}

}  // namespace

TEST_CASE("intrusive_list: keeps order, splices, and forgets what is destroyed") {
  intrusive_list<item> list, other;
  item one(1), two(2), three(3);
  auto four = std::make_unique<item>(4);
  list.push_back(two);
  list.push_front(one);
  other.push_back(*four);
  other.insert_before(*four, three);
  list.splice_back(other);
  CHECK(numbers(list) == std::vector<int>{1, 2, 3, 4});
  CHECK(other.empty());
  four.reset();
  CHECK(list.back().number == 3);
  CHECK(list.pop_front().number == 1);
  CHECK_FALSE(one.linked());
  list.clear();
  CHECK_FALSE(two.linked());
  CHECK(list.empty());
}

TEST_CASE("object_pool: lends up to its bound, constructs and destroys, and reuses") {
  static int alive;
  alive = 0;
  struct counted {
    explicit counted(int n) : number(n) { ++alive; }
    ~counted() { --alive; }
    int number;
    std::string text = "longer than any small string may be";
  };
  object_pool<counted> pool(5, 2);
  std::vector<counted*> lent;
  for (int i = 0; i < 5; ++i) {
    lent.push_back(pool.take(i));
    REQUIRE(lent.back() != nullptr);
  }
  CHECK(pool.take(9) == nullptr);
  CHECK(pool.in_use() == 5);
  CHECK(alive == 5);
  counted* const home = lent[2];
  CHECK(home->number == 2);
  pool.give_back(home);
  CHECK(alive == 4);
  counted* const again = pool.take(7);
  CHECK(again == home);
  lent[2] = again;
  for (counted* one : lent) pool.give_back(one);
  pool.give_back(nullptr);
  CHECK(alive == 0);
  CHECK(pool.in_use() == 0);
}

TEST_CASE("object_pool: objects do not overlap and are aligned") {
  struct alignas(128) wide {
    uint8_t octets[130];
  };
  object_pool<wide> pool(20, 7);
  std::vector<wide*> lent;
  for (int i = 0; i < 20; ++i) {
    wide* one = pool.take();
    REQUIRE(reinterpret_cast<uintptr_t>(one) % 128 == 0);
    std::fill(std::begin(one->octets), std::end(one->octets), static_cast<uint8_t>(i));
    lent.push_back(one);
  }
  for (size_t i = 0; i < lent.size(); ++i) {
    for (const uint8_t octet : lent[i]->octets) REQUIRE(octet == i);
    pool.give_back(lent[i]);
  }
}

TEST_CASE("ring_queue: behaves like a deque with a bound") {
  prng random(14);
  ring_queue<std::unique_ptr<int>> ring(5);
  CHECK(ring.capacity() == 8);
  std::deque<int> oracle;
  for (int turn = 0; turn < 5000; ++turn) {
    if (random.chance(0.5)) {
      const bool pushed = ring.try_push(std::make_unique<int>(turn));
      REQUIRE(pushed == (oracle.size() < 8));
      if (pushed) oracle.push_back(turn);
    } else if (!oracle.empty()) {
      REQUIRE(*ring.pop() == oracle.front());
      oracle.pop_front();
    }
    REQUIRE(ring.size() == oracle.size());
    REQUIRE(ring.empty() == oracle.empty());
    REQUIRE(ring.full() == (oracle.size() == 8));
    for (size_t i = 0; i < oracle.size(); ++i) REQUIRE(*ring[i] == oracle[i]);
    if (!oracle.empty()) REQUIRE(*ring.back() == oracle.back());
  }
  ring.clear();
  CHECK(ring.empty());
}
