#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "generator/outcome.hh"

namespace millrace::generator {
namespace {

/// A result in a file that goes with it.
struct result_file {
  result_file(const std::string& name, const std::string& text)
      : path((std::filesystem::temp_directory_path() / name).string()) {
    std::ofstream(path) << text;
  }
  ~result_file() { std::filesystem::remove(path); }
  std::string path;
};

settings one_run() {
  settings s;
  s.brokers = {{"127.0.0.1", 9092}};
  s.label = "first";
  return s;
}

outcome measured(int64_t latency, uint64_t count) {
  outcome out;
  out.seconds = 2;
  out.sum.produced = {.requests = 1, .records = count, .bytes = count * 100, .errors = 0};
  out.sum.produce_latency.record(latency, count);
  shown_interval second;
  second.at = 1;
  second.counts.produced.records = count;
  second.counts.produce_latency.record(latency);
  out.intervals.push_back(second);
  return out;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("merge: counts and rates are added, percentiles are those of all records") {
  const result_file one("millrace-merge-1.json", to_json(one_run(), measured(1000, 900)));
  const result_file two("millrace-merge-2.json", to_json(one_run(), measured(1'000'000, 100)));
  std::string why;
  const auto merged = merge_results({.files = {one.path, two.path}, .json = "", .label = ""}, why);
  REQUIRE(merged);
  CHECK(has(*merged, "\"records\": 1000,"));
  CHECK(has(*merged, "\"records_per_second\": 500.0"));
  CHECK(has(*merged, "\"p90\": 1000,"));
  CHECK(has(*merged, "\"p99\": 1000447,"));
  CHECK(has(*merged, "\"produced_records\": 1000,"));
  CHECK(has(*merged, "\"label\": \"first\""));
  CHECK(has(*merged, "\"processes\": 2"));
}

TEST_CASE("merge: files that are no results are named") {
  const result_file good("millrace-merge-3.json", to_json(one_run(), measured(1000, 1)));
  settings other = one_run();
  other.kind = run_kind::e2e;
  const result_file kind("millrace-merge-4.json", to_json(other, measured(1000, 1)));
  const result_file text("millrace-merge-5.json", "no json");
  const result_file empty("millrace-merge-6.json", "{\"format\": \"millrace-bench 1\"}");
  for (const std::string& path : {kind.path, text.path, empty.path, std::string("/nowhere/at/all.json")}) {
    CAPTURE(path);
    std::string why;
    CHECK(!merge_results({.files = {good.path, path}, .json = "", .label = ""}, why));
    CHECK(why.starts_with(path));
    CHECK(!has(why, "\n"));
  }
}

}  // namespace
}  // namespace millrace::generator
