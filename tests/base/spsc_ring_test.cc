#include "base/spsc_ring.hh"

#include <doctest/doctest.h>

#include <deque>
#include <thread>
#include <vector>

#include "base/prng.hh"

using namespace millrace::base;

TEST_CASE("spsc_ring: on one thread it is a bounded queue") {
  prng random(15);
  spsc_ring<int> ring(6);
  CHECK(ring.capacity() == 8);
  std::deque<int> oracle;
  for (int turn = 0; turn < 5000; ++turn) {
    if (random.chance(0.6)) {
      const bool pushed = ring.try_push(turn);
      REQUIRE(pushed == (oracle.size() < 8));
      if (pushed) oracle.push_back(turn);
    } else {
      std::vector<int> out(1 + random.below(10));
      const size_t count = ring.pop_many(out.data(), out.size());
      REQUIRE(count == std::min(out.size(), oracle.size()));
      for (size_t i = 0; i < count; ++i) {
        REQUIRE(out[i] == oracle.front());
        oracle.pop_front();
      }
    }
    REQUIRE(ring.empty() == oracle.empty());
  }
}

TEST_CASE("spsc_ring: between two threads everything arrives once, whole and in order") {
  struct message {
    uint64_t number;
    uint64_t check;
  };
  constexpr uint64_t count = 200000;
  spsc_ring<message> ring(64);
  std::thread producer([&] {
    for (uint64_t n = 0; n < count;) {
      if (ring.try_push({n, ~n})) {
        ++n;
      } else {
        std::this_thread::yield();
      }
    }
  });
  uint64_t next = 0;
  bool right = true;
  message got[16];
  while (next < count) {
    const size_t taken = ring.pop_many(got, 16);
    if (taken == 0) std::this_thread::yield();
    for (size_t i = 0; i < taken; ++i, ++next) right = right && got[i].number == next && got[i].check == ~next;
  }
  producer.join();
  CHECK(right);
  CHECK(ring.empty());
}
