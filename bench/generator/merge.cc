#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "generator/hist_json.hh"
#include "generator/outcome.hh"

/// Results of several processes as one: counts and rates are added, histograms too, so that percentiles are those of all
/// records and no mean of percentiles. What the processes have in common (host, broker, server) is the first one's.

namespace millrace::generator {

using json = nlohmann::ordered_json;

namespace {

/// A document that does not have what every result has.
struct unfit {
  std::string text;
};

void add_histogram(json& to, const json& other) {
  auto mine = hdr_histogram::from_base64(to.at("hdr").get<std::string>());
  const auto more = hdr_histogram::from_base64(other.at("hdr").get<std::string>());
  if (!mine || !more) throw unfit{"a histogram that cannot be read"};
  mine->add(*more);
  to = hist_json(*mine);
}

void add_number(json& to, const json& more) {
  if (to.is_number_unsigned() && more.is_number_unsigned()) {
    to = to.get<uint64_t>() + more.get<uint64_t>();
  } else {
    to = to.get<double>() + more.get<double>();
  }
}

/// Adds all numbers of two objects of one shape, what is below them too.
void add_numbers(json& to, const json& other) {
  for (auto& [key, value] : to.items()) {
    if (!other.contains(key)) continue;
    const json& more = other.at(key);
    if (value.is_number() && more.is_number()) {
      add_number(value, more);
    } else if (value.is_object() && key != "latency") {
      add_numbers(value, more);
    }
  }
}

void add_part(json& all, const json& other, const char* name) {
  if (!other.contains(name)) return;
  if (!all.contains(name)) {
    all[name] = other.at(name);
    return;
  }
  add_numbers(all[name], other.at(name));
  add_histogram(all[name]["latency"], other.at(name).at("latency"));
}

/// The number of the second that an interval is, or that it is a part of.
int64_t second_of(const json& interval) { return static_cast<int64_t>(std::ceil(interval.at("at").get<double>() - 1e-6)); }

/// Percentiles of a second cannot be added: the larger one stands.
void add_interval(json& mine, const json& more) {
  mine["at"] = std::max(mine.at("at").get<double>(), more.at("at").get<double>());
  for (const char* key : {"produced_records", "produced_bytes", "consumed_records", "consumed_bytes", "errors"}) {
    add_number(mine[key], more.at(key));
  }
  for (const char* latency : {"produce_latency", "fetch_latency", "end_to_end_latency"}) {
    for (auto& [key, value] : mine.at(latency).items()) {
      value = std::max(value.get<double>(), more.at(latency).at(key).get<double>());
    }
  }
  add_numbers(mine["load"], more.at("load"));
  if (!mine.contains("server") && more.contains("server")) mine["server"] = more.at("server");
}

/// Second by second, those too that one of them has alone.
void add_intervals(json& to, const json& other) {
  std::map<int64_t, json> all;
  for (const json& one : to) all.emplace(second_of(one), one);
  for (const json& one : other) {
    const auto [at, first] = all.emplace(second_of(one), one);
    if (!first) add_interval(at->second, one);
  }
  to = json::array();
  for (auto& [second, one] : all) to.push_back(std::move(one));
}

/// Whether both are of one run, and each producer of one of them only.
void check_together(const json& all, const json& other) {
  if (other.at("kind") != all.at("kind")) throw unfit{"results of different kinds"};
  if (all.contains("search")) throw unfit{"a search, whose steps cannot be added"};
  const json& first = all.at("configuration");
  const json& more = other.at("configuration");
  for (const char* same : {"topic", "run_id", "start_at"}) {
    if (first.at(same) != more.at(same)) throw unfit{fmt::format("another run: its {} is another one", same)};
  }
  if (!first.contains("first_producer")) return;
  const auto begin = more.at("first_producer").get<uint64_t>();
  const uint64_t end = begin + more.at("connections").get<uint64_t>();
  for (const json& taken : first.at("producers")) {
    if (begin < taken[1].get<uint64_t>() && taken[0].get<uint64_t>() < end) {
      throw unfit{"producers with numbers of another's: --first-producer must be apart, and each result named once"};
    }
  }
}

/// [first, behind the last] of the producers of each process.
json producers_of(const json& configuration) {
  const auto first = configuration.at("first_producer").get<uint64_t>();
  return {first, first + configuration.at("connections").get<uint64_t>()};
}

/// What the processes did together, of options that say how much each of them does.
void add_configuration(json& to, const json& more) {
  for (const char* share : {"rate", "connections"}) {
    if (to.contains(share) && to[share].is_number()) add_number(to[share], more.at(share));
  }
  if (to.contains("producers")) to["producers"].push_back(producers_of(more));
  if (!to.contains("consumers")) return;
  // Groups are a process's own where it produces; else its consumers are more members.
  const char* share = to.contains("producers") && to.at("groups").get<uint64_t>() > 0 ? "groups" : "consumers";
  add_number(to[share], more.at(share));
}

void add_result(json& all, const json& other) {
  check_together(all, other);
  add_configuration(all["configuration"], other.at("configuration"));
  all["seconds"] = std::max(all.at("seconds").get<double>(), other.at("seconds").get<double>());
  for (const char* part : {"produce", "consume", "end_to_end"}) add_part(all, other, part);
  add_intervals(all["intervals"], other.at("intervals"));
  if (!all.contains("server_cpu_seconds") && other.contains("server_cpu_seconds")) {
    all["server_cpu_seconds"] = other.at("server_cpu_seconds");
  }
}

void divide_server_time(json& all) {
  if (!all.contains("server_cpu_seconds")) return;
  double gb = 0;
  for (const char* part : {"produce", "consume"}) {
    if (all.contains(part)) gb += all[part].at("bytes").get<double>() / 1e9;
  }
  all["server_cpu_seconds_per_gb"] = gb > 0 ? all["server_cpu_seconds"].get<double>() / gb : 0.0;
}

json read_result(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw unfit{"cannot be read"};
  json one = json::parse(std::string(std::istreambuf_iterator<char>(file), {}), nullptr, false);
  if (!one.is_object() || one.value("format", "") != "millrace-bench 1") throw unfit{"no result of millrace-bench"};
  return one;
}

}  // namespace

std::optional<std::string> merge_results(const merge_settings& what, std::string& why) {
  json all;
  std::set<std::string> named;
  for (const std::string& path : what.files) {
    try {
      if (!named.insert(path).second) throw unfit{"named twice"};
      json one = read_result(path);
      if (all.is_null()) {
        all = std::move(one);
        json& how = all["configuration"];
        how["processes"] = what.files.size();
        if (how.contains("first_producer")) how["producers"] = json::array({producers_of(how)});
      } else {
        add_result(all, one);
      }
    } catch (const unfit& wrong) {
      why = fmt::format("{}: {}", path, wrong.text);
      return std::nullopt;
    } catch (const json::exception& wrong) {
      why = fmt::format("{}: {}", path, wrong.what());
      return std::nullopt;
    }
  }
  divide_server_time(all);
  if (!what.label.empty()) all["label"] = what.label;
  return all.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace millrace::generator
