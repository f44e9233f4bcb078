#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "generator/outcome.hh"

namespace millrace::generator {
namespace {

/// A result in a file that goes with it.
struct kept_text {
  kept_text(const std::string& name, const std::string& text)
      : path((std::filesystem::temp_directory_path() / name).string()) {
    std::ofstream(path) << text;
  }
  ~kept_text() { std::filesystem::remove(path); }
  std::string path;
};

settings one_run(uint32_t first_producer = 0) {
  settings s;
  s.brokers = {{"127.0.0.1", 9092}};
  s.label = "first";
  s.rate = 1000;
  s.connections = 4;
  s.first_producer = first_producer;
  return s;
}

outcome measured(int64_t latency, uint64_t count) {
  outcome out;
  out.seconds = 2;
  out.sum.produced = {.requests = 1, .records = count, .bytes = count * 100, .errors = 0};
  out.sum.produce_latency.record(latency, count);
  interval counts;
  counts.produced.records = count;
  counts.produce_latency.record(latency);
  shown_interval second(counts);
  second.at = 1;
  out.intervals.push_back(second);
  return out;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("merge: counts and rates are added, percentiles are those of all records") {
  const kept_text one("millrace-merge-1.json", to_json(one_run(), measured(1000, 900)));
  outcome longer = measured(1'000'000, 100);
  longer.intervals.push_back(longer.intervals[0]);
  longer.intervals.back().at = 2;
  const kept_text two("millrace-merge-2.json", to_json(one_run(4), longer));
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
  CHECK(has(*merged, "\"rate\": 2000.0"));
  CHECK(has(*merged, "\"connections\": 8,"));
  CHECK(has(*merged, "\"produced_records\": 100,"));  // the second that only one of them had
  CHECK(!merge_results({.files = {one.path, one.path}, .json = "", .label = ""}, why));
  CHECK(has(why, "named twice"));
}

TEST_CASE("merge: a second that one process did not hand in shifts no other") {
  const auto at = [](std::initializer_list<double> ends) {
    outcome out = measured(1000, 7);
    out.intervals.resize(1);
    const shown_interval one = out.intervals[0];
    out.intervals.clear();
    for (const double end : ends) {
      out.intervals.push_back(one);
      out.intervals.back().at = end;
    }
    return out;
  };
  const kept_text one("millrace-merge-9.json", to_json(one_run(), at({1, 2, 3, 3.4})));
  const kept_text two("millrace-merge-10.json", to_json(one_run(4), at({1, 3, 3.5})));
  std::string why;
  const auto merged = merge_results({.files = {one.path, two.path}, .json = "", .label = ""}, why);
  REQUIRE(merged);
  const auto result = nlohmann::json::parse(*merged);
  std::vector<std::pair<double, uint64_t>> seconds;
  for (const auto& i : result["intervals"]) seconds.emplace_back(i["at"], i["produced_records"]);
  CHECK((seconds == std::vector<std::pair<double, uint64_t>>{{1, 14}, {2, 7}, {3, 14}, {3.5, 14}}));
}

TEST_CASE("merge: results that are not of one run, or of producers twice, are refused") {
  const kept_text good("millrace-merge-7.json", to_json(one_run(), measured(1000, 1)));
  settings topic = one_run(4);
  topic.topic = "another";
  settings run = one_run(4);
  run.run_id = 5;
  const std::pair<settings, const char*> rows[] = {
      {topic, "topic"}, {run, "run_id"}, {one_run(), "--first-producer"}, {one_run(3), "--first-producer"}};
  for (const auto& [other, word] : rows) {
    CAPTURE(word);
    const kept_text second("millrace-merge-8.json", to_json(other, measured(1000, 1)));
    std::string why;
    CHECK(!merge_results({.files = {good.path, second.path}, .json = "", .label = ""}, why));
    CHECK(has(why, word));
  }
}

TEST_CASE("merge: files that are no results are named") {
  const kept_text good("millrace-merge-3.json", to_json(one_run(), measured(1000, 1)));
  settings other = one_run();
  other.kind = run_kind::e2e;
  const kept_text kind("millrace-merge-4.json", to_json(other, measured(1000, 1)));
  const kept_text text("millrace-merge-5.json", "no json");
  const kept_text empty("millrace-merge-6.json", "{\"format\": \"millrace-bench 1\"}");
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
