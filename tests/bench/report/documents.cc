#include "documents.hh"

namespace millrace::bench::test {
namespace {

using nlohmann::json;

json latency() {
  return {{"unit", "ns"},
          {"count", 45},
          {"min", 1},
          {"mean", 719836697.3},
          {"max", 3599000000000},
          {"p50", 4099},
          {"p90", 3.6e12},
          {"p99", 3.6e12},
          {"p999", 3.6e12},
          {"p9999", 3.6e12},
          {"hdr", "HISTFAAAADV4nJNpmSzMwMAgwgABzFCaEch0M9ixgMH+A1SA6Sc/C9tvfg6xv/x8++sELt5mEgIA5J4Kww=="}};
}

json work() {
  return {{"requests", 45},
          {"records", 4500},
          {"bytes", 4500000},
          {"errors", 0},
          {"records_per_second", 1500.0},
          {"bytes_per_second", 1.5e6},
          {"latency", latency()}};
}

json percentiles() { return {{"p50_us", 120.5}, {"p99_us", 900}, {"p999_us", 1500}, {"max_us", 2000}}; }

json interval(double at) {
  return {{"at", at},
          {"produced_records", 1500},
          {"produced_bytes", 1500000},
          {"consumed_records", 0},
          {"consumed_bytes", 0},
          {"errors", 0},
          {"produce_latency", percentiles()},
          {"end_to_end_latency", nullptr},
          {"server",
           {{"user_seconds", 0.3},
            {"system_seconds", 0.4},
            {"rss_bytes", 500000000},
            {"written_bytes", 1600000},
            {"read_bytes", 0}}},
          {"load", {{"user_seconds", 0.5}, {"system_seconds", 0.2}}}};
}

/// What it read, and how long that took, in a run that has not consumed yet.
void consume_too(json& run) {
  run["consume"] = work();
  run["consume"]["verified"] = {{"records", 4500}, {"missing", 0}, {"duplicates", 0}, {"out_of_order", 0}, {"corrupt", 0}};
  run["end_to_end"] = {{"latency", latency()}};
  for (json& one : run["intervals"]) {
    one["end_to_end_latency"] = percentiles();
    one["fetch_latency"] = percentiles();
  }
}

}  // namespace

json bare_run(const std::string& label) {
  return {{"format", "millrace-bench 1"},      {"label", label},         {"kind", "produce"},
          {"started", "2026-11-29T06:00:00Z"}, {"host", json::object()}, {"broker", json::object()},
          {"configuration", json::object()},   {"seconds", 3.0},         {"intervals", json::array()}};
}

json produce_run(const std::string& label) {
  json run = bare_run(label);
  run["host"] = {{"name", "rig"},       {"cpus", 2},
                 {"cpu_model", "EPYC"}, {"memory_bytes", 25276518400},
                 {"kernel", "6.1.0"},   {"compiler", "clang 16"},
                 {"commit", "291f563"}, {"version", "0.1.0"}};
  run["broker"] = {{"addresses", json::array({"127.0.0.1:9092"})}, {"cluster_id", "id"}, {"nodes", 1}};
  run["configuration"] = {{"rate", 1500}, {"acks", "all"}, {"idempotent", true}};
  run["produce"] = work();
  run["intervals"] = json::array({interval(1), interval(2), interval(3)});
  run["steal_percent"] = 0.4;
  run["server_cpu_seconds"] = 2.1;
  return run;
}

json full_run(const std::string& label) {
  json run = produce_run(label);
  run["kind"] = "mixed";
  run["warmup_seconds"] = 5;
  run["server_cpu_seconds_per_gb"] = 0.3;
  consume_too(run);
  run["search"] = {{"p99_bound_us", 10000},
                   {"rate", 1500},
                   {"steps", json::array({{{"rate", 1500}, {"reached_rate", 1499.5}, {"p99_us", 900}, {"held", true}}})}};
  return run;
}

json tail_run(const std::string& label) {
  json run = produce_run(label);
  run["kind"] = "consume";
  run["seconds"] = 2.5;
  run["intervals"][2]["at"] = 2.5;
  run.erase("produce");
  consume_too(run);
  for (json& one : run["intervals"]) {
    one.erase("produce_latency");
    one["server"]["read_bytes"] = nullptr;
    one["server"].erase("written_bytes");
  }
  return run;
}

}  // namespace millrace::bench::test
