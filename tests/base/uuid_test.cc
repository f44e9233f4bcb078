#include "base/uuid.hh"

#include <doctest/doctest.h>

#include <string>

#include "base/prng.hh"

using namespace millrace::base;

TEST_CASE("uuid: the text is URL-safe base64 without padding") {
  uuid id;
  CHECK(std::string(as_view(id.to_text())) == "AAAAAAAAAAAAAAAAAAAAAA");
  CHECK(id.is_zero());
  id.octets.fill(0xff);
  CHECK(std::string(as_view(id.to_text())) == "_____________________w");
  id = uuid{};
  id.octets[15] = 1;  // Kafka's reserved id of the metadata topic
  CHECK(std::string(as_view(id.to_text())) == "AAAAAAAAAAAAAAAAAAAAAQ");
}

TEST_CASE("uuid: random ones are version 4, differ, and never begin with a dash") {
  prng random(12);
  for (int i = 0; i < 5000; ++i) {
    const uuid id = uuid::from_random(random.next(), random.next());
    REQUIRE((id.octets[6] >> 4) == 4);
    REQUIRE((id.octets[8] >> 6) == 2);
    const uuid::text text = id.to_text();
    REQUIRE(text[0] != '-');
    REQUIRE(uuid::parse(as_view(text)).value() == id);
  }
  CHECK(uuid::from_random(uint64_t{62} << 58, 0).to_text()[0] == '8');
  CHECK(uuid::from_random(1, 2) != uuid::from_random(1, 3));
}

TEST_CASE("uuid: refuses every other text") {
  const char* const refused[] = {"",
                                 "AAAAAAAAAAAAAAAAAAAAA",
                                 "AAAAAAAAAAAAAAAAAAAAAAA",
                                 "AAAAAAAAAAAAAAAAAAAAA+",
                                 "AAAAAAAAAAAAAAAAAAAAA=",
                                 "AAAAAAAAAAAAAAAAAAAAAB",  // stray low bits
                                 "AAAAAAAA AAAAAAAAAAAAA",
                                 "AAAAAAAAAAAAAAAAAAAAAA=="};
  for (const char* text : refused) {
    CAPTURE(text);
    CHECK(uuid::parse(text).error().code == errc::malformed);
  }
}

TEST_CASE("uuid: bytes, order and hash") {
  const uuid a = uuid::from_random(1, 2);
  uint8_t raw[16];
  a.store(raw);
  CHECK(uuid::load(raw) == a);
  CHECK(std::hash<uuid>()(a) == std::hash<uuid>()(uuid::load(raw)));
  CHECK(uuid{} < a);
}
