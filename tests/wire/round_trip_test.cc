#include <doctest/doctest.h>

#include "any_message.hh"

namespace millrace::wire::kafka {

namespace {
constexpr int samples_per_version = 20;
}

TEST_CASE("messages: what is encoded decodes to itself, in every version, with the size announced") {
  base::prng random(20240601);
  for (const any_message& message : all_messages()) {
    CAPTURE(message.name);
    for (int16_t version = message.min_version; version <= message.max_version; ++version) {
      CAPTURE(version);
      for (int i = 0; i < samples_per_version; ++i) {
        const sample made = message.make(random, version);
        REQUIRE(made.encoded.size() == made.announced);
        const auto read = message.read(made.encoded, version, size_t{64} << 20);
        REQUIRE(read.ok());
        REQUIRE(*read == made.dump);
        const auto again = message.rewrite(made.encoded, version);
        REQUIRE(again.ok());
        REQUIRE(*again == made.encoded);
      }
    }
  }
}

TEST_CASE("messages: one that nobody filled in can be sent in every version") {
  for (const any_message& message : all_messages()) {
    CAPTURE(message.name);
    for (int16_t version = message.min_version; version <= message.max_version; ++version) {
      CAPTURE(version);
      const sample made = message.make_default(version);
      REQUIRE(made.encoded.size() == made.announced);
      const auto read = message.read(made.encoded, version, size_t{64} << 20);
      REQUIRE(read.ok());
      CHECK(*read == made.dump);
    }
  }
}

TEST_CASE("messages: versions outside the table are refused") {
  const std::vector<uint8_t> zeros(64);
  for (const any_message& message : all_messages()) {
    CAPTURE(message.name);
    for (const int version : {-1, message.min_version - 1, message.max_version + 1, INT16_MAX}) {
      const auto read = message.read(zeros, static_cast<int16_t>(version), 1 << 20);
      REQUIRE(!read.ok());
      CHECK(read.error().code == base::errc::unsupported);
    }
  }
}

TEST_CASE("messages: an unknown tagged field is passed over") {
  int tried = 0;
  for (const any_message& message : all_messages()) {
    CAPTURE(message.name);
    for (int16_t version = message.min_version; version <= message.max_version; ++version) {
      if (version < message.first_flexible) continue;
      sample made = message.make_default(version);
      // Nothing is set, so the message ends with an empty section of tagged fields.
      REQUIRE(made.encoded.back() == 0);
      made.encoded.back() = 1;
      for (const uint8_t byte : {0xe7, 0x07, 0x03, 0xaa, 0xbb, 0xcc}) made.encoded.push_back(byte);
      const auto read = message.read(made.encoded, version, 1 << 20);
      REQUIRE(read.ok());
      CHECK(*read == made.dump);
      ++tried;
    }
  }
  CHECK(tried > 100);
}

}  // namespace millrace::wire::kafka
