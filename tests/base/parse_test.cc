#include "base/parse.hh"

#include <doctest/doctest.h>

#include <string>

#include "base/limits.hh"

using namespace millrace::base;

TEST_CASE("parse: sizes") {
  struct row {
    const char* text;
    bool ok;
    uint64_t want;
    errc why = errc::malformed;
  };
  const row rows[] = {
      {"0", true, 0},
      {"100", true, 100},
      {"100B", true, 100},
      {"64MiB", true, 64 * mib},
      {"4G", true, 4 * gib},
      {"4GB", true, 4000000000},
      {"1k", true, 1024},
      {"1KB", true, 1000},
      {"2tib", true, 2048 * gib},
      {"18446744073709551615", true, UINT64_MAX},
      {"18446744073709551616", false, 0, errc::too_large},
      {"99999999999G", false, 0, errc::too_large},
      {"", false, 0},
      {"G", false, 0},
      {"-1", false, 0},
      {"+1", false, 0},
      {"1 G", false, 0},
      {" 1", false, 0},
      {"1.5G", false, 0},
      {"1GiBs", false, 0},
      {"1X", false, 0},
  };
  for (const row& r : rows) {
    CAPTURE(r.text);
    const auto size = parse_size(r.text);
    CHECK(size.ok() == r.ok);
    if (size && r.ok) CHECK(*size == r.want);
    if (!size && !r.ok) CHECK(size.error().code == r.why);
  }
}

TEST_CASE("parse: durations") {
  struct row {
    const char* text;
    bool ok;
    duration want{};
    errc why = errc::malformed;
  };
  const row rows[] = {
      {"10ms", true, milliseconds(10)},
      {"5s", true, seconds(5)},
      {"7ns", true, nanoseconds(7)},
      {"200us", true, microseconds(200)},
      {"3m", true, seconds(180)},
      {"2h", true, seconds(7200)},
      {"7d", true, seconds(7 * 86400)},
      {"0", true, {}},
      {"5", false},
      {"", false},
      {"ms", false},
      {"-1s", false},
      {"1S", false},
      {"1 s", false},
      {"9223372036854775807ns", true, {INT64_MAX}},
      {"9223372036854775808ns", false, {}, errc::too_large},
      {"200000000000d", false, {}, errc::too_large},
  };
  for (const row& r : rows) {
    CAPTURE(r.text);
    const auto length = parse_duration(r.text);
    CHECK(length.ok() == r.ok);
    if (length && r.ok) CHECK(*length == r.want);
    if (!length && !r.ok) CHECK(length.error().code == r.why);
  }
}

TEST_CASE("parse: CPU lists") {
  using list = std::vector<uint32_t>;
  struct row {
    const char* text;
    bool ok;
    list want{};
    errc why = errc::malformed;
  };
  const row rows[] = {
      {"0", true, {0}},
      {"0-3,6", true, {0, 1, 2, 3, 6}},
      {"6,0-3", true, {0, 1, 2, 3, 6}},
      {"1,1-2,2", true, {1, 2}},
      {"0-6:2", true, {0, 2, 4, 6}},
      {"0-5:2", true, {0, 2, 4}},
      {"4095", true, {4095}},
      {"4096", false, {}, errc::too_large},
      {"0-4096", false, {}, errc::too_large},
      {"0-99999999999", false, {}, errc::too_large},
      {"", false},
      {",", false},
      {"1,", false},
      {"3-1", false},
      {"1-", false},
      {"-1", false},
      {"0-3:0", false},
      {"0:2", false},
      {"a", false},
      {"1 ,2", false},
  };
  for (const row& r : rows) {
    CAPTURE(r.text);
    const auto cpus = parse_cpu_list(r.text);
    CHECK(cpus.ok() == r.ok);
    if (cpus && r.ok) CHECK(*cpus == r.want);
    if (!cpus && !r.ok) CHECK(cpus.error().code == r.why);
  }
  std::string again = "0-4095";
  for (int i = 0; i < 1000; ++i) again += ",0-4095";
  CHECK(parse_cpu_list(again).error().code == errc::too_large);
}

TEST_CASE("parse: integers and truth") {
  CHECK(parse_integer<int32_t>("-2147483648").value() == INT32_MIN);
  CHECK(parse_integer<int32_t>("2147483648").error().code == errc::too_large);
  CHECK(parse_integer<uint16_t>("65535").value() == 65535);
  CHECK(parse_integer<uint16_t>("-1").error().code == errc::malformed);
  CHECK(parse_integer<int>("12x").error().code == errc::malformed);
  CHECK(parse_integer<int>("").error().code == errc::malformed);
  CHECK(parse_bool("true").value());
  CHECK_FALSE(parse_bool("false").value());
  CHECK_FALSE(parse_bool("True").ok());
}
