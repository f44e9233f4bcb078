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
      {"orders", default_stream, "orders"},
      {"shop.orders", "shop", "orders"},
      {"a.b.c", "a", "b.c"},
      {".lead", default_stream, ".lead"},
      {"trail.", default_stream, "trail."},
      {"a..b", "a", ".b"},
      {"..", default_stream, ".."},
      {".", default_stream, "."},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    const stream_and_topic parts = split_topic_name(r.name);
    CHECK(parts.stream == r.stream);
    CHECK(parts.topic == r.topic);
  }
  CHECK(topic_name_problem(default_stream) != nullptr);
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
