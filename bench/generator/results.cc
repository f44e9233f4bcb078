#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "generator/commit.hh"
#include "generator/hist_json.hh"
#include "generator/outcome.hh"
#include "millrace/version.hh"
#include "record/compression.hh"

/// A run as JSON: bench/generator/README.md names every field.

namespace millrace::generator {

using json = nlohmann::ordered_json;

namespace {

double us(int64_t ns) { return static_cast<double>(ns) / 1e3; }

json flow_json(const flow& f, double seconds) {
  return {{"requests", f.requests},
          {"records", f.records},
          {"bytes", f.bytes},
          {"errors", f.errors},
          {"records_per_second", static_cast<double>(f.records) / seconds},
          {"bytes_per_second", static_cast<double>(f.bytes) / seconds}};
}

json or_null(const std::optional<uint64_t>& number) { return number ? json(*number) : json(nullptr); }

json quick_json(const percentiles& p) {
  return {{"p50_us", us(p.p50)}, {"p99_us", us(p.p99)}, {"p999_us", us(p.p999)}, {"max_us", us(p.max)}};
}

json interval_json(const shown_interval& i) {
  json one{{"at", i.at},
           {"produced_records", i.produced.records},
           {"produced_bytes", i.produced.bytes},
           {"consumed_records", i.consumed.records},
           {"consumed_bytes", i.consumed.bytes},
           {"errors", i.produced.errors + i.consumed.errors},
           {"produce_latency", quick_json(i.produce_latency)},
           {"fetch_latency", quick_json(i.fetch_latency)},
           {"end_to_end_latency", quick_json(i.end_to_end)},
           {"load", {{"user_seconds", i.load.user_seconds}, {"system_seconds", i.load.system_seconds}}}};
  if (i.server) {
    one["server"] = {{"user_seconds", i.server->user_seconds},
                     {"system_seconds", i.server->system_seconds},
                     {"rss_bytes", i.server->rss_bytes},
                     {"written_bytes", or_null(i.server->written_bytes)},
                     {"read_bytes", or_null(i.server->read_bytes)}};
  }
  return one;
}

json host_json() {
  const host_facts host = look_at_host();
  return {{"name", host.name},           {"cpus", host.cpus},
          {"cpu_model", host.cpu_model}, {"memory_bytes", host.memory_bytes},
          {"kernel", host.kernel},       {"compiler", __VERSION__},
          {"commit", MILLRACE_COMMIT},   {"version", std::string(client::version())}};
}

json configuration_json(const settings& s, const outcome& out) {
  json brokers = json::array();
  for (const auto& b : s.brokers) brokers.push_back(fmt::format("{}:{}", b.host, b.port));
  json configs = json::object();
  for (const auto& [key, value] : s.topic_configs) configs[key] = value;
  json all{{"brokers", brokers},
           {"topic", s.topic},
           {"partitions", out.partitions},
           {"replication", out.topic_made ? json(s.replication) : json(nullptr)},
           {"topic_config", out.topic_made ? configs : json(nullptr)},
           {"keep", s.keep},
           {"seconds", s.seconds},
           {"warmup", s.warmup},
           {"run_id", std::to_string(s.run_id)},
           {"cores", s.cores},
           {"server_pid", s.server_pid},
           {"start_at", s.start_at},
           {"drain", s.drain_seconds}};
  if (s.produces()) {
    all["rate"] = s.open_loop() ? json(s.rate) : json("closed loop");
    all["ramp"] = s.ramp;
    all["connections"] = s.connections;
    all["in_flight"] = s.in_flight;
    all["batch_bytes"] = s.batch_bytes;
    all["batch_records"] = s.batch_records == INT32_MAX ? json(nullptr) : json(s.batch_records);
    all["linger_ms"] = s.lingers() ? json(s.linger_ms) : json(nullptr);
    all["size"] = s.size;
    all["keys"] = s.keys;
    all["acks"] = s.acks;
    all["compression"] = std::string(record::name_of(s.compression));
    all["idempotence"] = s.idempotence;
    all["first_producer"] = s.first_producer;
  }
  if (s.consumes()) {
    all["groups"] = s.groups;
    all["consumers"] = s.consumers;
    all["assign"] = s.assign;
    all["from"] = s.from_begin ? "beginning" : "end";
    all["fetch_bytes"] = s.fetch_bytes;
    all["fetch_partition_bytes"] = s.fetch_partition_bytes;
    all["fetch_min_bytes"] = s.fetch_min_bytes;
    all["fetch_wait_ms"] = s.fetch_wait_ms;
  }
  if (s.kind == run_kind::search) {
    all["p99_ms"] = s.p99_ms;
    all["steps"] = s.steps;
  }
  return all;
}

json search_json(const settings& s, const outcome& out) {
  json steps = json::array();
  for (const search_step& one : out.steps) {
    steps.push_back({{"rate", one.rate}, {"reached_rate", one.reached}, {"p99_us", one.p99_us}, {"held", one.held}});
  }
  return {{"p99_bound_us", s.p99_ms * 1e3}, {"steps", steps}, {"rate", out.search_rate}, {"at_least", !out.search_ended}};
}

}  // namespace

std::string to_json(const settings& s, const outcome& out) {
  json brokers = json::array();
  for (const auto& b : s.brokers) brokers.push_back(fmt::format("{}:{}", b.host, b.port));
  json all{{"format", "millrace-bench 1"},
           {"label", s.label},
           {"kind", std::string(name_of(s.kind))},
           {"started", out.started},
           {"host", host_json()},
           {"broker", {{"addresses", brokers}, {"cluster_id", out.cluster_id}, {"nodes", out.nodes}}},
           {"configuration", configuration_json(s, out)},
           {"seconds", out.seconds},
           {"warmup_seconds", s.warmup},
           {"steal_percent", out.steal_percent}};
  if (s.produces()) {
    all["produce"] = flow_json(out.sum.produced, out.seconds);
    all["produce"]["latency"] = hist_json(out.sum.produce_latency);
  }
  if (s.consumes()) {
    all["consume"] = flow_json(out.sum.consumed, out.seconds);
    all["consume"]["latency"] = hist_json(out.sum.fetch_latency);
    const verified& v = out.checked;
    all["consume"]["verified"] = {{"records", v.records},
                                  {"missing", v.missing},
                                  {"duplicates", v.duplicates},
                                  {"out_of_order", v.out_of_order},
                                  {"corrupt", v.corrupt}};
    all["consume"]["unread"] = out.unread;
  }
  if (s.consumes() && (s.produces() || out.sum.end_to_end.count() > 0))
    all["end_to_end"] = {{"latency", hist_json(out.sum.end_to_end)}};
  all["intervals"] = json::array();
  for (const shown_interval& i : out.intervals) all["intervals"].push_back(interval_json(i));
  if (out.server_cpu_seconds) {
    all["server_cpu_seconds"] = *out.server_cpu_seconds;
    const auto gb = static_cast<double>(out.bytes()) / 1e9;
    all["server_cpu_seconds_per_gb"] = gb > 0 ? *out.server_cpu_seconds / gb : 0.0;
  }
  if (s.kind == run_kind::search) all["search"] = search_json(s, out);
  return all.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace millrace::generator
