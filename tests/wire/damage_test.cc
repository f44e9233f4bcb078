#include <doctest/doctest.h>

#include <memory>

#include "any_message.hh"

namespace millrace::wire::kafka {

namespace {

/// The bytes in memory of their own size, so that a sanitizer sees a read one past the end.
std::unique_ptr<uint8_t[]> alone(base::bytes data) {
  auto memory = std::make_unique<uint8_t[]>(data.size());
  std::copy(data.begin(), data.end(), memory.get());
  return memory;
}

bool from_bytes(base::errc code) {
  return code == base::errc::truncated || code == base::errc::malformed || code == base::errc::too_large;
}

bool is_header(const any_message& message) {
  const std::string_view name = message.name;
  return name == "request_header" || name == "response_header";
}

}  // namespace

TEST_CASE("messages: cut anywhere they are refused") {
  base::prng random(11);
  for (const any_message& message : all_messages()) {
    CAPTURE(message.name);
    for (int16_t version = message.min_version; version <= message.max_version; ++version) {
      CAPTURE(version);
      const sample made = message.make(random, version);
      const size_t sizes = made.encoded.size();
      const size_t step = sizes / 500 + 1;
      for (size_t size = 0; size < sizes; size += size + step < sizes - 20 ? step : 1) {
        const auto memory = alone(base::bytes(made.encoded).first(size));
        const auto read = message.read({memory.get(), size}, version, 1 << 20);
        CAPTURE(size);
        REQUIRE(!read.ok());
        REQUIRE(from_bytes(read.error().code));
      }
    }
  }
}

TEST_CASE("messages: a byte too many is passed over, as Kafka does") {
  base::prng random(12);
  for (const any_message& message : all_messages()) {
    if (is_header(message)) continue;
    CAPTURE(message.name);
    for (int16_t version = message.min_version; version <= message.max_version; ++version) {
      sample made = message.make(random, version);
      made.encoded.push_back(0);
      const auto read = message.read(made.encoded, version, size_t{64} << 20);
      CHECK(read.ok());
    }
  }
}

TEST_CASE("messages: flipped bits give an error or another message, which can be sent again") {
  base::prng random(13);
  int refused = 0, accepted = 0;
  for (const any_message& message : all_messages()) {
    CAPTURE(message.name);
    for (int16_t version = message.min_version; version <= message.max_version; ++version) {
      const sample made = message.make(random, version);
      if (made.encoded.empty()) continue;
      for (int i = 0; i < 60; ++i) {
        const auto memory = alone(made.encoded);
        const size_t size = made.encoded.size();
        for (uint64_t flips = 1 + random.below(3); flips > 0; --flips) {
          memory[random.below(size)] ^= static_cast<uint8_t>(1u << random.below(8));
        }
        const auto again = message.rewrite({memory.get(), size}, version);
        if (again.ok()) {
          ++accepted;
          const auto twice = message.rewrite(*again, version);
          REQUIRE(twice.ok());
          REQUIRE(*twice == *again);
        } else {
          ++refused;
          REQUIRE(from_bytes(again.error().code));
        }
      }
    }
  }
  CHECK(refused > 1000);
  CHECK(accepted > 1000);
}

TEST_CASE("messages: noise is refused or read within a small arena") {
  base::prng random(14);
  for (const any_message& message : all_messages()) {
    CAPTURE(message.name);
    for (int16_t version = message.min_version; version <= message.max_version; ++version) {
      for (int i = 0; i < 60; ++i) {
        std::vector<uint8_t> noise(random.below(200));
        random.fill(noise);
        const auto memory = alone(noise);
        // Two hundred bytes cannot hold arrays that need more than this.
        const auto read = message.read({memory.get(), noise.size()}, version, 256 * 1024);
        if (!read.ok()) REQUIRE(from_bytes(read.error().code));
      }
    }
  }
}

}  // namespace millrace::wire::kafka
