#include "wire/kafka/arena.hh"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <string>

namespace millrace::wire::kafka {

TEST_CASE("arena: memory is aligned, separate and of the size asked for") {
  arena memory(1 << 20);
  uint8_t* last_end = nullptr;
  for (const size_t alignment : {1, 2, 8, 16, 1, 4, 16}) {
    auto* at = static_cast<uint8_t*>(memory.allocate(5, alignment));
    REQUIRE(at != nullptr);
    CHECK(reinterpret_cast<uintptr_t>(at) % alignment == 0);
    CHECK(at >= last_end);
    std::memset(at, 0xaa, 5);
    last_end = at + 5;
  }
}

TEST_CASE("arena: elements start as their type does") {
  struct element {
    int32_t epoch = -1;
    std::string_view name;
  };
  arena memory(1 << 20);
  for (int round = 0; round < 2; ++round) {
    auto elements = memory.make_array<element>(100);
    REQUIRE(elements.ok());
    REQUIRE(elements->size() == 100);
    for (element& e : *elements) {
      CHECK(e.epoch == -1);
      CHECK(e.name.empty());
      e = {.epoch = 7, .name = "used"};
    }
    memory.reset();
  }
  CHECK(memory.make_array<element>(0)->empty());
}

TEST_CASE("arena: the limit is never passed, whatever is asked") {
  arena memory(10'000);
  CHECK(memory.make_array<int64_t>(SIZE_MAX / 8).error().code == base::errc::no_memory);
  CHECK(memory.make_array<int64_t>(SIZE_MAX).error().code == base::errc::no_memory);
  CHECK(memory.allocate(SIZE_MAX, 1) == nullptr);
  CHECK(memory.allocate(SIZE_MAX - 8, 16) == nullptr);
  CHECK(memory.held() == 0);
  size_t given = 0;
  while (memory.allocate(100, 8) != nullptr) given += 100;
  CHECK(given > 9'000);
  CHECK(memory.held() <= 10'000);
  CHECK(memory.make_array<int32_t>(100).error().code == base::errc::no_memory);
  CHECK(!arena(0).make_array<char>(1).ok());
}

TEST_CASE("arena: the caller's memory comes first and does not count") {
  alignas(16) std::array<uint8_t, 256> first;
  arena memory(4096, first);
  auto* at = static_cast<uint8_t*>(memory.allocate(200, 1));
  CHECK(at == first.data());
  CHECK(memory.held() == 0);
  at = static_cast<uint8_t*>(memory.allocate(200, 1));
  REQUIRE(at != nullptr);
  CHECK((at < first.data() || at >= first.data() + first.size()));
  CHECK(memory.held() > 0);
}

TEST_CASE("arena: a steady load allocates once") {
  arena memory(1 << 20);
  const auto load = [&] {
    for (int i = 0; i < 300; ++i) REQUIRE(memory.allocate(100, 8) != nullptr);
    memory.reset();
  };
  for (int warm = 0; warm < 8; ++warm) load();
  const size_t held = memory.held();
  CHECK(held >= 300 * 100);
  for (int i = 0; i < 10; ++i) {
    load();
    CHECK(memory.held() == held);
  }
}

TEST_CASE("arena: copies live on their own") {
  arena memory(1 << 20);
  std::string text = "prices";
  const auto copied = memory.copy(text);
  REQUIRE(copied.ok());
  text = "gone!!";
  CHECK(*copied == "prices");
  CHECK(memory.copy(std::string_view())->empty());
  CHECK(memory.copy(base::as_bytes("ab"))->size() == 2);
  CHECK(!arena(8).copy(std::string_view("too long for it")).ok());
}

}  // namespace millrace::wire::kafka
