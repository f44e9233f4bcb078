#include "server/config_load.hh"

#include "support.hh"

namespace millrace::server {

TEST_CASE("configuration: each source overrides those before it") {
  const temporary_file file("num.partitions = 2\n");
  const std::string key = "num.partitions";
  const setting flag{.key = key, .text = "4", .from = origin::flag, .place = "--flag"};
  struct row {
    const char* name;
    config_sources sources;
    int32_t want;
    origin from;
    std::string place;
  };
  const row rows[] = {
      {"nothing", {}, 1, origin::built_in, ""},
      {"file", {.file = file.path(), .environment = {}, .flags = {}, .sets = {}}, 2, origin::file, file.path() + ":1"},
      {"environment",
       {.file = file.path(), .environment = {"PATH=x", "MILLRACE_NUM_PARTITIONS=3"}, .flags = {}, .sets = {}},
       3,
       origin::environment,
       "MILLRACE_NUM_PARTITIONS"},
      {"flag",
       {.file = file.path(), .environment = {"MILLRACE_NUM_PARTITIONS=3"}, .flags = {flag}, .sets = {}},
       4,
       origin::flag,
       "--flag"},
      {"set",
       {.file = file.path(), .environment = {"MILLRACE_NUM_PARTITIONS=3"}, .flags = {flag}, .sets = {set(key, "5")}},
       5,
       origin::set,
       "--set"},
      {"the last set",
       {.file = {}, .environment = {}, .flags = {}, .sets = {set(key, "5"), set(key, "6")}},
       6,
       origin::set,
       "--set"},
  };
  for (const row& r : rows) {
    CAPTURE(r.name);
    const loaded_config loaded = load_config(r.sources);
    CHECK(joined(loaded.errors) == "");
    CHECK(loaded.values.num_partitions == r.want);
    CHECK(origin_of(loaded, key).from == r.from);
    CHECK(origin_of(loaded, key).place == r.place);
  }
}

TEST_CASE("configuration: a bad value in a weaker source is said although a stronger one hides it") {
  const loaded_config loaded = load_config(
      {.file = {}, .environment = {"MILLRACE_NUM_PARTITIONS=many"}, .flags = {}, .sets = {set("num.partitions", "5")}});
  CHECK(joined(loaded.errors) == "MILLRACE_NUM_PARTITIONS: num.partitions: 'many' is not a whole number\n");
}

TEST_CASE("configuration: every unknown name is said with its place and the nearest name") {
  const temporary_file file("num.partition = 2\n\n[log.retention]\nhours = 1\nms = 5\n");
  const loaded_config loaded = load_config({.file = file.path(),
                                            .environment = {"MILLRACE_NUM_PARTITION=1", "MILLRACE_Q"},
                                            .flags = {},
                                            .sets = {set("zzzzzzzzzzzz", "1"), set("log_dirs", "x")}});
  CHECK(joined(loaded.errors) ==
        file.path() + ":4: there is no setting log.retention.hours (Millrace has log.retention.ms instead)\n" + file.path() +
            ":1: there is no setting num.partition (did you mean num.partitions?)\n" +
            "environment: there is no setting MILLRACE_NUM_PARTITION (did you mean "
            "MILLRACE_NUM_PARTITIONS?)\n"
            "environment: there is no setting MILLRACE_Q\n"
            "--set: there is no setting zzzzzzzzzzzz\n"
            "--set: there is no setting log_dirs (did you mean log.dirs?)\n");
}

TEST_CASE("configuration: an unknown name of any length is refused quickly") {
  const loaded_config loaded = load_sets({set(std::string(100000, 'n'), "1")});
  REQUIRE(loaded.errors.size() == 1);
  CHECK(!contains(loaded.errors[0], "did you mean"));
}

TEST_CASE("explain: names every row with its text and its source") {
  const loaded_config loaded = load_sets({set("memory", "2GiB")});
  const auto all = explain(loaded);
  REQUIRE(all.size() == config_rows().size());
  for (const explained_setting& one : all) {
    CAPTURE(one.what.name);
    const bool memory = one.what.name == "memory";
    CHECK(one.from.from == (memory ? origin::set : origin::built_in));
    CHECK(one.initial == value_text(one.what, load_sets({}).values));
    CHECK(one.text == (memory ? "2147483648" : one.initial));
  }
}

}  // namespace millrace::server
