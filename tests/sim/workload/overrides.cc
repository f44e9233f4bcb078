#include "workload/overrides.hh"

#include <algorithm>
#include <charconv>
#include <utility>

namespace millrace::swarm {

namespace {

/// Everything that can be switched off, and what that does.
struct kind {
  const char* name;
  bool (*there)(const run_options& o);
  void (*remove)(run_options& o);
};

template <bool fault_options::*Flag>
kind fault(const char* name) {
  return {name, [](const run_options& o) { return o.faults.*Flag; }, [](run_options& o) { o.faults.*Flag = false; }};
}
template <bool run_options::*Flag>
kind operation(const char* name) {
  return {name, [](const run_options& o) { return o.*Flag; }, [](run_options& o) { o.*Flag = false; }};
}

const std::vector<kind>& all_kinds() {
  static const std::vector<kind> all = {
      fault<&fault_options::power_cuts>("power_cuts"),
      fault<&fault_options::aimed_cuts>("aimed_cuts"),
      fault<&fault_options::kills>("kills"),
      fault<&fault_options::stops>("stops"),
      fault<&fault_options::resets>("resets"),
      fault<&fault_options::partitions>("partitions"),
      fault<&fault_options::slow_disk>("slow_disk"),
      fault<&fault_options::disk_full>("disk_full"),
      fault<&fault_options::pauses>("pauses"),
      fault<&fault_options::wall_jumps>("wall_jumps"),
      fault<&fault_options::io_errors>("io_errors"),
      fault<&fault_options::half_open>("half_open"),
      fault<&fault_options::damage>("damage"),
      {"piece_resets", [](const run_options& o) { return o.world.network.reset > 0; },
       [](run_options& o) { o.world.network.reset = 0; }},
      operation<&run_options::codecs>("codecs"),
      operation<&run_options::unacknowledged>("unacknowledged"),
      operation<&run_options::retries>("retries"),
      operation<&run_options::idempotent>("idempotent"),
      operation<&run_options::remakes>("remakes"),
      operation<&run_options::deletes>("deletes"),
      operation<&run_options::retention>("retention"),
      {"compaction", [](const run_options& o) { return o.compaction.on(); },
       [](run_options& o) { o.compaction.topics = 0; }},
      {"from_memory", [](const run_options& o) { return o.flush.from_memory > 0; },
       [](run_options& o) { o.flush.from_memory = 0; }},
      {"preallocate", [](const run_options& o) { return o.flush.preallocate > 0; },
       [](run_options& o) { o.flush.preallocate = 0; }},
      {"groups", [](const run_options& o) { return o.groups.count > 0; }, [](run_options& o) { o.groups.count = 0; }},
      {"sessions", [](const run_options& o) { return o.session_consumers > 0; },
       [](run_options& o) { o.session_consumers = 0; }},
      {"big", [](const run_options& o) { return o.big > 0; }, [](run_options& o) { o.big = 0; }},
      {"crowd", [](const run_options& o) { return o.crowd > 1; }, [](run_options& o) { o.crowd = 1; }},
  };
  return all;
}

const kind* find_kind(std::string_view name) {
  const auto found = std::find_if(all_kinds().begin(), all_kinds().end(), [&](const kind& k) { return name == k.name; });
  return found == all_kinds().end() ? nullptr : &*found;
}

constexpr const char* number_names[smaller_count] = {"cores",      "producers", "consumers", "topics",
                                                     "partitions", "in_flight", "steps",     "seconds"};

void set(run_options& o, smaller which, uint64_t value) {
  const auto small = static_cast<unsigned>(value);
  switch (which) {
    case smaller::cores:
      o.cores_most = small;
      break;
    case smaller::producers:
      o.producers = small;
      break;
    case smaller::consumers:
      o.consumers = small;
      break;
    case smaller::topics:
      o.topics = small;
      break;
    case smaller::partitions:
      o.partitions_most = static_cast<int32_t>(value);
      break;
    case smaller::in_flight:
      o.in_flight = small;
      break;
    case smaller::steps:
      o.requests = small;
      break;
    case smaller::seconds:
      o.faults_last = base::seconds(static_cast<int64_t>(value));
      break;
  }
}

}  // namespace

std::vector<std::string> kinds() {
  std::vector<std::string> names;
  for (const kind& k : all_kinds()) names.emplace_back(k.name);
  return names;
}

bool has_kind(const run_options& o, std::string_view name) {
  const kind* k = find_kind(name);
  return k != nullptr && k->there(o);
}

const char* name_of(smaller which) { return number_names[static_cast<size_t>(which)]; }

uint64_t value_of(const run_options& o, smaller which) {
  switch (which) {
    case smaller::cores:
      return o.cores_most;
    case smaller::producers:
      return o.producers;
    case smaller::consumers:
      return o.consumers;
    case smaller::topics:
      return o.topics;
    case smaller::partitions:
      return static_cast<uint64_t>(o.partitions_most);
    case smaller::in_flight:
      return o.in_flight;
    case smaller::steps:
      return o.requests;
    case smaller::seconds:
      return static_cast<uint64_t>(o.faults_last.ns / 1'000'000'000);
  }
  return 0;
}

bool read_override(std::string_view word, std::string_view value, overrides& into) {
  if (!word.starts_with("--")) return false;
  word.remove_prefix(2);
  if (word == "without") {
    while (!value.empty()) {
      const size_t comma = std::min(value.find(','), value.size());
      const std::string_view name = value.substr(0, comma);
      if (find_kind(name) == nullptr) return false;
      into.without.emplace_back(name);
      value.remove_prefix(std::min(comma + 1, value.size()));
    }
    return true;
  }
  for (size_t i = 0; i < smaller_count; ++i) {
    if (word != number_names[i]) continue;
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size() || number == 0 || number > 1'000'000) return false;
    into.numbers[i] = number;
    return true;
  }
  return false;
}

void apply(const overrides& o, run_options& to) {
  for (const std::string& name : o.without) find_kind(name)->remove(to);
  for (size_t i = 0; i < smaller_count; ++i) {
    const auto which = static_cast<smaller>(i);
    if (o.numbers[i] && *o.numbers[i] < value_of(to, which)) set(to, which, *o.numbers[i]);
  }
}

std::string words_of(const overrides& o) {
  std::string words;
  for (const std::string& name : o.without) words += (words.empty() ? " --without=" : ",") + name;
  for (size_t i = 0; i < smaller_count; ++i) {
    if (o.numbers[i]) words += std::string(" --") + number_names[i] + "=" + std::to_string(*o.numbers[i]);
  }
  return words;
}

}  // namespace millrace::swarm
