#include <doctest/doctest.h>

#include "storage/layout.hh"

namespace millrace::storage::layout {
namespace {

TEST_CASE("layout: segment files carry their base offset in twenty digits") {
  CHECK(log_file(base::offset(42)) == "00000000000000000042.log");
  CHECK(index_file(base::offset(0)) == "00000000000000000000.index");
  CHECK(time_index_file(base::offset(INT64_MAX)) == "09223372036854775807.timeindex");
  struct row {
    const char* name;
    bool is_log;
    bool is_segment;
    int64_t base;
  };
  const row rows[] = {
      {"00000000000000000042.log", true, true, 42},        {"00000000000000000042.index", false, true, 42},
      {"00000000000000000042.timeindex", false, true, 42}, {"09223372036854775807.log", true, true, INT64_MAX},
      {"09223372036854775808.log", false, false, 0},       {"0000000000000000042.log", false, false, 0},
      {"-0000000000000000042.log", false, false, 0},       {"00000000000000000042.log.deleted", false, false, 0},
      {"00000000000000000042.snapshot", false, false, 0},  {"", false, false, 0},
  };
  for (const row& r : rows) {
    CAPTURE(std::string(r.name));
    REQUIRE(parse_log_file(r.name).has_value() == r.is_log);
    REQUIRE(parse_segment_file(r.name).has_value() == r.is_segment);
    if (r.is_segment) CHECK(*parse_segment_file(r.name) == base::offset(r.base));
  }
}

TEST_CASE("layout: a log's directory ends with its partition") {
  struct row {
    const char* name;
    int32_t partition;  // -1: no log's
  };
  const row rows[] = {{"orders-0", 0}, {"a.b-c-17", 17},  {"x-2147483647", INT32_MAX}, {"x-2147483648", -1}, {"orders-", -1},
                      {"-3", -1},      {"orders", -1},    {"orders-01", -1},           {"orders-1x", -1},    {"", -1},
                      {"commit", -1},  {"lost+found", -1}};
  for (const row& r : rows) {
    CAPTURE(std::string(r.name));
    CHECK(parse_log_directory(r.name).value_or(-1) == r.partition);
  }
}

TEST_CASE("layout: commit logs and checkpoints are named by their core") {
  CHECK(commit_file("/d", 3) == "/d/commit/3.log");
  CHECK(checkpoint_file("/d", 3, 1) == "/d/commit/3.checkpoint.1");
  CHECK(parse_commit_file("12.log") == 12u);
  CHECK(parse_checkpoint_file("12.checkpoint.0") == 12u);
  CHECK(parse_checkpoint_file("12.checkpoint.1") == 12u);
  for (const char* name : {"x.log", ".log", "1.checkpoint.2", "01.log", "-1.log", "4294967296.log", "recovered", "1"}) {
    CAPTURE(name);
    CHECK_FALSE(parse_commit_file(name));
    CHECK_FALSE(parse_checkpoint_file(name));
  }
}

TEST_CASE("layout: a deleted directory remembers its name") {
  const std::string name = deleted_directory("a-0", 0xbeef);
  CHECK(name == "a-0.000000000000beef-delete");
  CHECK(is_deleted_directory(name));
  CHECK(name_before_deletion(name) == "a-0");
  // What a topic may be called is not deleted by its name.
  for (const char* other : {"a-delete", "a.b-delete", "x.000000000000beeg-delete", ".000000000000beef-delete", "a-0"}) {
    CAPTURE(other);
    CHECK_FALSE(is_deleted_directory(other));
  }
  CHECK_FALSE(parse_log_directory(name));
}

}  // namespace
}  // namespace millrace::storage::layout
