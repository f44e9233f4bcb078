#include "base/log.hh"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace millrace::base;

namespace {

std::string line_of(std::span<const log_field> fields, std::string_view message = "said", size_t size = 1024,
                    unix_ms time = 0) {
  std::vector<char> buffer(size);
  return std::string(format_log_line(buffer, {log_level::info, time, core_id(3), "storage", message, fields}));
}

std::string value_of(const log_field& one) {
  const std::string line = line_of({&one, 1});
  const std::string before = "1970-01-01T00:00:00.000Z INFO core=3 storage said k=";
  REQUIRE(line.substr(0, before.size()) == before);
  return line.substr(before.size());
}

struct kept {
  std::vector<std::string> lines;
  unix_ms now = 1795255200123;  // 2026-11-21T10:00:00.123Z
  static void write(void* self, std::string_view line) { static_cast<kept*>(self)->lines.emplace_back(line); }
  static unix_ms clock(void* self) { return static_cast<kept*>(self)->now; }
};

}  // namespace

TEST_CASE("log: one event is one line with time, level, core, room, message and fields") {
  kept k;
  logger log(core_id(0), log_level::info, &k, kept::write, kept::clock);
  log.info("storage", "segment rolled", field("topic", "orders"), field("base", offset(4711)));
  log.debug("storage", "not wanted");
  log.error("api", "gone");
  REQUIRE(k.lines.size() == 2);
  CHECK(k.lines[0] == "2026-11-21T10:00:00.123Z INFO core=0 storage segment rolled topic=orders base=4711");
  CHECK(k.lines[1] == "2026-11-21T10:00:00.123Z ERROR core=0 api gone");
  log.set_least(log_level::debug);
  log.debug("storage", "now wanted");
  log.warn("storage", "and this");
  CHECK(k.lines.size() == 4);
}

TEST_CASE("log: values are written so that a machine can read them back") {
  CHECK(value_of(field("k", "plain-text/1.0:x")) == "plain-text/1.0:x");
  CHECK(value_of(field("k", "")) == "\"\"");
  CHECK(value_of(field("k", "two words")) == "\"two words\"");
  CHECK(value_of(field("k", "a=b")) == "\"a=b\"");
  CHECK(value_of(field("k", "say \"x\"\\\n\t\x01")) == "\"say \\\"x\\\"\\\\\\n\\t\\x01\"");
  CHECK(value_of(field("k", "grün")) == "grün");
  CHECK(value_of(field("k", int8_t{-5})) == "-5");
  CHECK(value_of(field("k", UINT64_MAX)) == "18446744073709551615");
  CHECK(value_of(field("k", INT64_MIN)) == "-9223372036854775808");
  CHECK(value_of(field("k", true)) == "true");
  CHECK(value_of(field("k", 0.25)) == "0.25");
  CHECK(value_of(field("k", microseconds(1250))) == "1250us");
  CHECK(value_of(field("k", error{errc::io, 0, 5})) == "io(5)");
  CHECK(value_of(field("k", error{errc::malformed, 2, 3})) == "malformed(3)@2");
  CHECK(value_of(field("k", error{errc::closed})) == "closed");
}

TEST_CASE("log: no text breaks the line") {
  const std::string line = line_of({}, "first\nsecond\r\x7f");
  CHECK(line.find('\n') == std::string::npos);
  CHECK(line.substr(line.find("storage")) == "storage first\\nsecond\\r\\x7f");
}

TEST_CASE("log: a line that is too long ends in dots, whatever the room") {
  const std::string text(2000, 'x');
  const log_field f = field("k", text);
  for (size_t size = 0; size < 100; ++size) {
    const std::string line = line_of({&f, 1}, "said", size);
    REQUIRE(line.size() == size);
    if (size >= 3) REQUIRE(line.substr(size - 3) == "...");
  }
  const std::string umlauts = [] {
    std::string s;
    for (int i = 0; i < 100; ++i) s += "ü";
    return s;
  }();
  const log_field g = field("k", umlauts);
  for (size_t size = 80; size < 90; ++size) {
    const std::string line = line_of({&g, 1}, "said", size);
    const std::string shown = line.substr(0, line.size() - 3);
    REQUIRE(line.substr(line.size() - 3) == "...");
    REQUIRE((static_cast<uint8_t>(shown.back()) & 0xc0) == 0x80);  // the end of a character, not its first half
  }
}

TEST_CASE("log: days are those of the calendar") {
  struct row {
    unix_ms time;
    const char* want;
  };
  const row rows[] = {
      {0, "1970-01-01T00:00:00.000Z"},
      {951782399999, "2000-02-28T23:59:59.999Z"},
      {951782400000, "2000-02-29T00:00:00.000Z"},
      {951868800000, "2000-03-01T00:00:00.000Z"},
      {1735689599999, "2024-12-31T23:59:59.999Z"},
      {4107542400000, "2100-03-01T00:00:00.000Z"},
      {253402300799999, "9999-12-31T23:59:59.999Z"},
      {INT64_MAX, "9999-12-31T23:59:59.999Z"},
      {-1, "1970-01-01T00:00:00.000Z"},
  };
  for (const row& r : rows) CHECK(line_of({}, "said", 1024, r.time).substr(0, 24) == r.want);
}
