#include "reactor/memory.hh"

#include <cstring>
#include <map>
#include <vector>

#include "base/prng.hh"
#include "support.hh"

namespace millrace::reactor {
namespace {

std::unique_ptr<memory> reserved(size_t bytes) {
  base::result<std::unique_ptr<memory>> made = memory::reserve(bytes);
  REQUIRE(made.ok());
  return std::move(*made);
}

TEST_CASE(
    "memory: blocks never overlap, are aligned, hold what is written, and all of it comes together "
    "again") {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    base::prng random(seed);
    auto pool = reserved(size_t{70} << 20);  // one largest block, and some that is not a power of two
    std::vector<chunk> held;
    std::map<uint8_t*, size_t> ranges;
    size_t used = 0;
    const auto drop = [&](size_t index) {
      chunk gone = std::move(held[index]);
      held[index] = std::move(held.back());
      held.pop_back();
      REQUIRE(gone.data()[0] == gone.data()[gone.size() - 1]);
      used -= gone.size();
      ranges.erase(gone.data());
    };
    for (int step = 0; step < 3000; ++step) {
      if (!held.empty() && random.chance(0.45)) {
        drop(random.below(held.size()));
        REQUIRE(pool->used() == used);
        continue;
      }
      const size_t bytes = random.below(size_t{1} << random.between(1, 24)) + 1;
      chunk made = pool->allocate(bytes);
      if (!made) continue;
      REQUIRE(made.size() >= bytes);
      REQUIRE((made.size() == 4096 || made.size() < 2 * bytes));
      const size_t alignment = std::min(made.size(), size_t{2} << 20);
      REQUIRE(reinterpret_cast<uintptr_t>(made.data()) % alignment == 0);
      const auto after = ranges.lower_bound(made.data());
      if (after != ranges.end()) REQUIRE(made.data() + made.size() <= after->first);
      if (after != ranges.begin()) REQUIRE(std::prev(after)->first + std::prev(after)->second <= made.data());
      ranges[made.data()] = made.size();
      const auto mark = static_cast<uint8_t>(random.next());
      made.data()[0] = made.data()[made.size() - 1] = mark;
      used += made.size();
      held.push_back(std::move(made));
      REQUIRE(pool->used() == used);
      REQUIRE(pool->touched() <= pool->capacity());
    }
    while (!held.empty()) drop(held.size() - 1);
    REQUIRE(pool->used() == 0);
    const chunk whole = pool->allocate(memory::block_bytes_max);
    CHECK(whole.size() == memory::block_bytes_max);
    const chunk rest = pool->allocate(size_t{4} << 20);
    CHECK(rest.size() == size_t{4} << 20);
  }
}

TEST_CASE("memory: a budget that is used up lends nothing, and lends again when something came back") {
  auto pool = reserved(size_t{2} << 20);
  std::vector<chunk> held;
  for (int i = 0; i < 512; ++i) {
    held.push_back(pool->allocate(1));
    REQUIRE(held.back());
  }
  CHECK_FALSE(pool->allocate(1));
  CHECK(pool->used() == pool->capacity());
  held.pop_back();
  CHECK(pool->allocate(4096));
  CHECK_FALSE(pool->allocate(4097));
  CHECK_FALSE(pool->allocate(SIZE_MAX));
  CHECK_FALSE(pool->allocate(memory::block_bytes_max + 1));
}

TEST_CASE("memory: copies count, the last one gives the block back") {
  auto pool = reserved(size_t{2} << 20);
  chunk first = pool->allocate(100);
  CHECK(first.uses() == 1);
  {
    const chunk second = first;
    CHECK(first.uses() == 2);
    CHECK(second.data() == first.data());
  }
  CHECK(first.uses() == 1);
  chunk moved = std::move(first);
  CHECK_FALSE(first);  // NOLINT: a moved-from chunk is empty
  CHECK(moved.uses() == 1);
  moved = chunk();
  CHECK(pool->used() == 0);
}

TEST_CASE("memory: is touched front to back, and always before it is lent") {
  auto pool = reserved(size_t{8} << 20);
  CHECK(pool->touched() == 0);
  const chunk low = pool->allocate(4096);
  CHECK(pool->touched() == 4096);
  const chunk high = pool->allocate(size_t{2} << 20);
  CHECK(low.data() < high.data());
  CHECK(pool->touched() == static_cast<size_t>(high.data() - low.data()) + high.size());
  CHECK(pool->touch(1 << 20));
  CHECK(pool->touched() == size_t{5} << 20);
  CHECK_FALSE(pool->touch(size_t{1} << 40));
  CHECK(pool->touched() == pool->capacity());
  CHECK_FALSE(pool->touch(1));
}

TEST_CASE("memory: what is lent first lies in front, also where the size is no multiple of 64 MiB") {
  for (const size_t mib : {2u, 66u, 98u, 126u, 128u, 202u}) {
    CAPTURE(mib);
    auto pool = reserved(mib << 20);
    std::vector<chunk> held;
    while (chunk one = pool->allocate(size_t{1} << 20)) {
      held.push_back(std::move(one));
      REQUIRE(pool->touched() == pool->used());
    }
    CHECK(pool->used() == pool->capacity());
    while (!held.empty()) held.pop_back();
    // It came together again.
    for (size_t left = mib; left >= 64; left -= 64) {
      held.push_back(pool->allocate(memory::block_bytes_max));
      CHECK(held.back());
    }
    CHECK_FALSE(pool->allocate(memory::block_bytes_max));
  }
  auto pool = reserved(size_t{98} << 20);
  const chunk large = pool->allocate(size_t{16} << 20);
  CHECK(large);
  CHECK(pool->touched() == size_t{18} << 20);
}

TEST_CASE("memory: nothing at all, and more than can be numbered, is refused") {
  CHECK_FALSE(memory::reserve(0).ok());
  CHECK_FALSE(memory::reserve(size_t{1} << 45).ok());
}

TEST_CASE("budget: takes up to its limit, and no more until some is given back") {
  budget b(100);
  CHECK(b.try_take(60));
  CHECK_FALSE(b.try_take(41));
  CHECK(b.try_take(40));
  CHECK_FALSE(b.try_take(1));
  CHECK(b.try_take(0));
  b.give_back(30);
  CHECK(b.used() == 70);
  CHECK_FALSE(b.try_take(31));
  CHECK(b.try_take(30));
}

}  // namespace
}  // namespace millrace::reactor
