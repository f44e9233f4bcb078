#include "broker/catalog/names.hh"

#include <doctest/doctest.h>

#include "base/limits.hh"

namespace millrace::broker {

TEST_CASE("names: Kafka's rules at their edges") {
  struct row {
    std::string name;
    bool legal;
  };
  const row rows[] = {
      {"a", true},
      {"A-z_0.9", true},
      {".lead", true},
      {"trail.", true},
      {"a..b", true},
      {"...", true},
      {"-", true},
      {"", false},
      {".", false},
      {"..", false},
      {"a/b", false},
      {"sp ace", false},
      {"a:b", false},
      {"a\n", false},
      {"\xc3\xa9", false},
      {std::string("a\0b", 3), false},
      {"@default", false},
      {std::string(base::topic_name_bytes_max, 'x'), true},
      {std::string(base::topic_name_bytes_max + 1, 'x'), false},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    CHECK((topic_name_problem(r.name) == nullptr) == r.legal);
  }
}

TEST_CASE("names: a name is cut into stream and topic at its first dot") {
  struct row {
    const char* name;
    std::string_view stream;
    std::string_view topic;
  };
  const row rows[] = {
      {"orders", default_stream, "orders"}, {"shop.orders", "shop", "orders"},    {"a.b.c", "a", "b.c"},
      {".lead", default_stream, ".lead"},   {"trail.", default_stream, "trail."}, {"a..b", "a", ".b"},
      {"..", default_stream, ".."},         {".", default_stream, "."},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    const stream_and_topic parts = split_topic_name(r.name);
    CHECK(parts.stream == r.stream);
    CHECK(parts.topic == r.topic);
  }
  CHECK(topic_name_problem(default_stream) != nullptr);
}

TEST_CASE("names: a stream and a topic have a Kafka name where it is cut into exactly the two") {
  struct row {
    std::string_view stream;
    std::string topic;
    std::string_view name;
  };
  const row rows[] = {
      {default_stream, "orders", "orders"},
      {"shop", "orders", "shop.orders"},
      {"shop", "orders.eu", "shop.orders.eu"},
      {"shop", ".b", "shop..b"},
      {default_stream, ".lead", ".lead"},
      {default_stream, "trail.", "trail."},
      {default_stream, "a.b", ""},  // is topic b in stream a
      {default_stream, ".", ""},
      {"sh.op", "orders", ""},
      {".", "x", ""},
      {"shop", "two words", ""},
      {"sh op", "orders", ""},
      {"caf\xc3\xa9", "orders", ""},
      {"shop", std::string(249 - 5, 'x'), "?"},
      {"shop", std::string(250 - 5, 'x'), ""},
      {default_stream, std::string(249, 'x'), "?"},
      {default_stream, std::string(250, 'x'), ""},
  };
  for (const row& r : rows) {
    CAPTURE(r.stream);
    CAPTURE(r.topic);
    const std::string name = kafka_name_of({r.stream, r.topic});
    CHECK(name.empty() == r.name.empty());
    if (r.name != "?") CHECK(name == r.name);
    if (name.empty()) continue;
    CHECK(split_topic_name(name).stream == r.stream);
    CHECK(split_topic_name(name).topic == r.topic);
  }
  for (const char* name : {"a", "a.b", "a..b", ".a", "a.", "...", "-._"}) {
    CHECK(kafka_name_of(split_topic_name(name)) == name);
  }
}

TEST_CASE("names: streams and their topics may have any name of 1 to 255 bytes of UTF-8") {
  struct row {
    std::string name;
    bool legal;
  };
  const row rows[] = {
      {"a", true},
      {"@default", true},
      {"with.dots and spaces/\\", true},
      {std::string("a\0b", 3), true},
      {"\x7f", true},
      {"\xc2\x80\xdf\xbf", true},
      {"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", true},
      {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", true},
      {std::string(255, 'x'), true},
      {"", false},
      {std::string(256, 'x'), false},
      {"\x80", false},
      {"\xc1\xbf", false},
      {"\xc2", false},
      {"\xc2x", false},
      {"\xe0\x9f\xbf", false},
      {"\xe1\x80", false},
      {"\xed\xa0\x80", false},
      {"\xf0\x8f\xbf\xbf", false},
      {"\xf1\x80\x80", false},
      {"\xf4\x90\x80\x80", false},
      {"\xf5\x80\x80\x80", false},
      {"\xff", false},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    CHECK((plain_name_problem(r.name) == nullptr) == r.legal);
  }
}

TEST_CASE("names: topics that differ by '.' and '_' only have one collision name") {
  CHECK(collision_name("a.b_c") == collision_name("a_b.c"));
  CHECK(collision_name("a-b") != collision_name("a_b"));
}

TEST_CASE("names: a partition's directory is its topic's name and its number") {
  CHECK(partition_directory("shop.orders-1", 0) == "shop.orders-1-0");
  CHECK(partition_directory("t", 9999) == "t-9999");
}

}  // namespace millrace::broker
