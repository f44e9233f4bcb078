#include <doctest/doctest.h>

#include <vector>

#include "wire/kafka/fetch_reader.hh"
#include "wire/kafka/messages/api_versions.hh"
#include "wire/kafka/messages/delete_groups.hh"
#include "wire/kafka/messages/metadata.hh"
#include "wire/kafka/produce_reader.hh"

namespace millrace::wire::kafka {

namespace {
using octets = std::vector<uint8_t>;

octets followed_by_zeros(octets head, size_t zeros) {
  head.resize(head.size() + zeros);
  return head;
}
}  // namespace

TEST_CASE("decode: a claimed count without its bytes allocates nothing") {
  struct row {
    const char* name;
    int16_t version;
    octets in;
    base::errc error;
  };
  const row rows[] = {
      {"two billion topics", 1, {0x7f, 0xff, 0xff, 0xff, 0, 0}, base::errc::too_large},
      {"a million topics in two bytes", 1, {0, 0x0f, 0x42, 0x40, 0, 0}, base::errc::truncated},
      {"one more than there is room for", 1, {0, 0, 0, 3, 0, 0, 0, 0, 0}, base::errc::truncated},
      {"compact, four billion", 9, {0xff, 0xff, 0xff, 0xff, 0x0f, 0}, base::errc::too_large},
      {"-2 topics", 1, {0xff, 0xff, 0xff, 0xfe}, base::errc::malformed},
      {"null topics where there is no null", 0, {0xff, 0xff, 0xff, 0xff}, base::errc::malformed},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    arena memory(size_t{64} << 20);
    reader in(r.in);
    const auto request = decode<metadata_request>(in, r.version, memory);
    REQUIRE(!request.ok());
    CHECK(request.error().code == r.error);
    CHECK(memory.held() == 0);
  }
}

TEST_CASE("decode: arrays beyond the arena's limit are too large, not half read") {
  // A thousand empty topic names: 2 bytes each on the wire, far more in memory.
  const octets bytes = followed_by_zeros({0, 0, 0x03, 0xe8}, 2000);
  arena small(8 * 1024);
  reader in(bytes);
  const auto refused = decode<metadata_request>(in, 1, small);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == base::errc::too_large);
  CHECK(small.held() <= 8 * 1024);

  arena enough(1 << 20);
  reader again(bytes);
  const auto request = decode<metadata_request>(again, 1, enough);
  REQUIRE(request.ok());
  CHECK(request->topics->size() == 1000);
}

TEST_CASE("decode: a known tagged field must fill its size exactly") {
  struct row {
    const char* name;
    octets tags;
    bool ok;
  };
  // Tag 1 of the ApiVersions response is an int64.
  const row rows[] = {
      {"exact", {1, 1, 8, 0, 0, 0, 0, 0, 0, 0, 7}, true},
      {"a byte more", {1, 1, 9, 0, 0, 0, 0, 0, 0, 0, 7, 0}, false},
      {"a byte less", {1, 1, 7, 0, 0, 0, 0, 0, 0, 7}, false},
      {"past the end", {1, 1, 9, 0, 0, 0, 0, 0, 0, 0, 7}, false},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    octets bytes = {0, 0, 1, 0, 0, 0, 0};
    bytes.insert(bytes.end(), r.tags.begin(), r.tags.end());
    arena memory(4096);
    reader in(bytes);
    const auto message = decode<api_versions_response>(in, 3, memory);
    CHECK(message.ok() == r.ok);
    if (message.ok()) CHECK(message->finalized_features_epoch == 7);
  }
}

TEST_CASE("decode: strings stay where they were received") {
  const octets bytes = {0, 0, 0, 1, 0, 2, 'g', '1'};
  arena memory(4096);
  reader in(bytes);
  const auto request = decode<delete_groups_request>(in, 0, memory);
  REQUIRE(request.ok());
  CHECK(static_cast<const void*>(request->groups_names[0].data()) == static_cast<const void*>(&bytes[6]));
}

TEST_CASE("cursors: claimed counts are refused before anything is walked") {
  const octets produce = {0xff, 0xff, 0xff, 0xff, 0, 0, 5, 0xdc, 0x7f, 0xff, 0xff, 0xff, 0, 1, 't'};
  CHECK(produce_reader::open(reader(produce), 3).error().code == base::errc::too_large);
  const octets fetch =
      followed_by_zeros({0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0x0f, 0x42, 0x40}, 100);
  CHECK(fetch_reader::open(reader(fetch), 4).error().code == base::errc::truncated);
}

}  // namespace millrace::wire::kafka
