#include "wire/kafka/reader.hh"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace millrace::wire::kafka {

namespace {

using base::errc;
using octets = std::vector<uint8_t>;

struct string_row {
  const char* name;
  bool flexible;
  octets in;
  errc error;  ///< errc{}: none
  std::optional<std::string_view> want;
};

}  // namespace

TEST_CASE("reader: varints at their boundaries, and the rest refused") {
  struct row {
    const char* name;
    octets in;
    errc error;
    uint32_t want;
  };
  const row rows[] = {
      {"zero", {0x00}, {}, 0},
      {"one byte max", {0x7f}, {}, 127},
      {"two byte min", {0x80, 0x01}, {}, 128},
      {"two byte max", {0xff, 0x7f}, {}, 16383},
      {"three byte min", {0x80, 0x80, 0x01}, {}, 16384},
      {"max", {0xff, 0xff, 0xff, 0xff, 0x0f}, {}, UINT32_MAX},
      {"padded", {0x81, 0x80, 0x80, 0x80, 0x00}, {}, 1},
      {"over 32 bits", {0xff, 0xff, 0xff, 0xff, 0x10}, errc::malformed, 0},
      {"six bytes", {0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, errc::malformed, 0},
      {"nothing", {}, errc::truncated, 0},
      {"cut short", {0x80, 0x80}, errc::truncated, 0},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    reader in(r.in);
    CHECK(in.varint() == r.want);
    CHECK(in.ok() == (r.error == errc{}));
    if (!in.ok()) CHECK(in.failure().what.code == r.error);
    CHECK(in.remaining() == 0);
  }
}

TEST_CASE("reader: numbers are big endian, booleans any byte but zero") {
  const octets bytes = {0x01, 0x02, 0xff, 0xfe, 0x80, 0,    0,    0,    0,    0,    0,
                        1,    0x40, 0x09, 0x21, 0xfb, 0x54, 0x44, 0x2d, 0x18, 0x02, 0x00};
  reader in(bytes);
  CHECK(in.number<int16_t>() == 0x0102);
  CHECK(in.number<int16_t>() == -2);
  CHECK(in.number<int64_t>() == INT64_MIN + 1);
  CHECK(in.float64() == 3.141592653589793);
  CHECK(in.boolean());
  CHECK(!in.boolean());
  CHECK(in.ok());
  CHECK(in.remaining() == 0);
}

TEST_CASE("reader: strings, null and empty in both forms") {
  const string_row rows[] = {
      {"plain", false, {0, 2, 'h', 'i'}, {}, "hi"},
      {"plain empty", false, {0, 0}, {}, ""},
      {"plain null", false, {0xff, 0xff}, {}, std::nullopt},
      {"plain -2", false, {0xff, 0xfe}, errc::malformed, std::nullopt},
      {"plain too long for the bytes", false, {0, 3, 'h', 'i'}, errc::truncated, std::nullopt},
      {"plain without its length", false, {0}, errc::truncated, std::nullopt},
      {"compact", true, {3, 'h', 'i'}, {}, "hi"},
      {"compact empty", true, {1}, {}, ""},
      {"compact null", true, {0}, {}, std::nullopt},
      {"compact too long for the bytes", true, {4, 'h', 'i'}, errc::truncated, std::nullopt},
      {"compact over 32767", true, {0x81, 0x80, 0x02}, errc::too_large, std::nullopt},
      {"compact of 4 GiB", true, {0xff, 0xff, 0xff, 0xff, 0x0f}, errc::too_large, std::nullopt},
  };
  for (const string_row& r : rows) {
    CAPTURE(r.name);
    reader in(r.in);
    CHECK(in.nullable_string(r.flexible) == r.want);
    CHECK(in.ok() == (r.error == errc{}));
    if (!in.ok()) CHECK(in.failure().what.code == r.error);
    CHECK(in.remaining() == 0);

    reader strict(r.in);
    CHECK(strict.string(r.flexible) == r.want.value_or(""));
    const errc strict_error = r.error != errc{} ? r.error : r.want ? errc{} : errc::malformed;
    CHECK(strict.ok() == (strict_error == errc{}));
    if (!strict.ok()) CHECK(strict.failure().what.code == strict_error);
  }
}

TEST_CASE("reader: bytes have lengths of four bytes or compact ones") {
  struct row {
    const char* name;
    bool flexible;
    octets in;
    errc error;
    int64_t size;  ///< -1: null
  };
  const row rows[] = {
      {"plain", false, {0, 0, 0, 1, 9}, {}, 1},
      {"plain null", false, {0xff, 0xff, 0xff, 0xff}, {}, -1},
      {"plain -2", false, {0xff, 0xff, 0xff, 0xfe}, errc::malformed, -1},
      {"plain huge", false, {0x7f, 0xff, 0xff, 0xff, 9}, errc::truncated, -1},
      {"compact", true, {2, 9}, {}, 1},
      {"compact null", true, {0}, {}, -1},
      {"compact huge", true, {0xff, 0xff, 0xff, 0xff, 0x0f, 9}, errc::too_large, -1},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    reader in(r.in);
    const auto data = in.nullable_bytes(r.flexible);
    CHECK((data ? static_cast<int64_t>(data->size()) : -1) == r.size);
    CHECK(in.ok() == (r.error == errc{}));
    if (!in.ok()) CHECK(in.failure().what.code == r.error);
  }
}

TEST_CASE("reader: an array's count must fit what remains, and a million") {
  struct row {
    const char* name;
    bool flexible;
    octets head;
    size_t following;
    size_t smallest;
    errc error;
    int64_t count;  ///< -1: null
  };
  const row rows[] = {
      {"exactly fits", false, {0, 0, 0, 3}, 12, 4, {}, 3},
      {"a byte less", false, {0, 0, 0, 3}, 11, 4, errc::truncated, -1},
      {"empty", false, {0, 0, 0, 0}, 0, 4, {}, 0},
      {"null", false, {0xff, 0xff, 0xff, 0xff}, 0, 4, {}, -1},
      {"-2", false, {0xff, 0xff, 0xff, 0xfe}, 12, 4, errc::malformed, -1},
      {"two billion", false, {0x7f, 0xff, 0xff, 0xff}, 12, 4, errc::too_large, -1},
      {"a million", false, {0x00, 0x0f, 0x42, 0x40}, 1'000'000, 1, {}, 1'000'000},
      {"a million and one", false, {0x00, 0x0f, 0x42, 0x41}, 1'000'001, 1, errc::too_large, -1},
      {"compact", true, {4}, 12, 4, {}, 3},
      {"compact null", true, {0}, 12, 4, {}, -1},
      {"compact huge", true, {0xff, 0xff, 0xff, 0xff, 0x0f}, 12, 4, errc::too_large, -1},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    octets bytes = r.head;
    bytes.resize(bytes.size() + r.following);
    reader in(bytes);
    const auto count = in.array_count(r.flexible, r.smallest);
    CHECK((count ? int64_t{*count} : -1) == r.count);
    CHECK(in.ok() == (r.error == errc{}));
    if (!in.ok()) CHECK(in.failure().what.code == r.error);
  }
}

TEST_CASE("reader: tagged fields are passed over within their bounds") {
  struct row {
    const char* name;
    octets in;
    errc error;
  };
  const row rows[] = {
      {"none", {0}, {}},
      {"two", {2, 0, 1, 9, 5, 0}, {}},
      {"the number is cut", {1, 0x80}, errc::truncated},
      {"the size passes the end", {1, 0, 2, 9}, errc::truncated},
      {"more fields than bytes", {100, 0, 0, 0}, errc::truncated},
      {"ten thousand and one", {0x91, 0x4e, 0, 0}, errc::too_large},
      {"no count", {}, errc::truncated},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    reader in(r.in);
    in.skip_tags();
    CHECK(in.ok() == (r.error == errc{}));
    if (!in.ok()) CHECK(in.failure().what.code == r.error);
    CHECK(in.remaining() == 0);
  }
}

TEST_CASE("reader: the first failure stays, with its position, and nothing is read after it") {
  const octets bytes = {0, 1, 0, 5, 'a', 'b', 0, 0, 0, 0};
  reader in(bytes);
  CHECK(in.number<int16_t>() == 1);
  CHECK(in.string(false) == "ab" + std::string(3, '\0'));
  CHECK(in.number<int32_t>() == 0);
  REQUIRE(!in.ok());
  CHECK(in.failure().what == base::error{errc::truncated, 0, 9});
  in.fail(errc::malformed);
  CHECK(in.number<int8_t>() == 0);
  CHECK(in.id() == base::uuid());
  CHECK(in.varint() == 0);
  CHECK(in.count(true, 1) == 0);
  CHECK(in.failure().what == base::error{errc::truncated, 0, 9});
}

}  // namespace millrace::wire::kafka
