#include "report/document.hh"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::bench {
namespace {

using base::errc;
using base::fail;
using base::result;
using nlohmann::json;

enum class kind : uint8_t { object, list, text, flag, number, amount, count, format, workload, unit };

struct kind_row {
  std::string_view words;
  bool (*holds)(const json&);
};

bool is_amount(const json& value) { return value.is_number() && value.get<double>() >= 0; }
bool is_count(const json& value) { return value.is_number_unsigned() || (value.is_number_integer() && is_amount(value)); }
bool is_workload(const json& value) {
  return value == "produce" || value == "consume" || value == "e2e" || value == "mixed" || value == "search";
}

/// In the order of `kind`.
constexpr kind_row kinds[] = {
    {"an object", [](const json& value) { return value.is_object(); }},
    {"a list", [](const json& value) { return value.is_array(); }},
    {"a text", [](const json& value) { return value.is_string(); }},
    {"true or false", [](const json& value) { return value.is_boolean(); }},
    {"a number", [](const json& value) { return value.is_number(); }},
    {"a number that is not negative", is_amount},
    {"a whole number that is not negative", is_count},
    {"\"millrace-bench 1\"", [](const json& value) { return value == document_format; }},
    {"produce, consume, e2e, mixed or search", is_workload},
    {"\"ns\"", [](const json& value) { return value == "ns"; }},
};

struct field {
  const char* path;
  kind wanted;
  bool needed = false;  ///< where the object around it is there
};

constexpr field run_fields[] = {
    {"format", kind::format, true},
    {"label", kind::text, true},
    {"kind", kind::workload, true},
    {"started", kind::text, true},
    {"host", kind::object, true},
    {"host.name", kind::text},
    {"host.cpus", kind::count},
    {"host.cpu_model", kind::text},
    {"host.memory_bytes", kind::count},
    {"host.kernel", kind::text},
    {"host.compiler", kind::text},
    {"host.commit", kind::text},
    {"host.version", kind::text},
    {"broker", kind::object, true},
    {"broker.nodes", kind::count},
    {"configuration", kind::object, true},
    {"seconds", kind::amount, true},
    {"warmup_seconds", kind::amount},
    {"steal_percent", kind::amount},
    {"server_cpu_seconds", kind::amount},
    {"server_cpu_seconds_per_gb", kind::amount},
    {"produce", kind::object},
    {"consume", kind::object},
    {"consume.verified", kind::object},
    {"consume.verified.records", kind::count},
    {"consume.verified.missing", kind::count},
    {"consume.verified.duplicates", kind::count},
    {"consume.verified.out_of_order", kind::count},
    {"consume.verified.corrupt", kind::count},
    {"end_to_end", kind::object},
    {"end_to_end.latency", kind::object, true},
    {"intervals", kind::list, true},
    {"search", kind::object},
    {"search.p99_bound_us", kind::amount},
    {"search.rate", kind::amount},
    {"search.steps", kind::list, true},
    {"search.steps[]", kind::object, true},
    {"search.steps[].rate", kind::amount, true},
    {"search.steps[].reached_rate", kind::amount},
    {"search.steps[].p99_us", kind::amount},
    {"search.steps[].held", kind::flag, true},
};

constexpr field work_fields[] = {
    {"requests", kind::count}, {"records", kind::count, true},       {"bytes", kind::count, true},
    {"errors", kind::count},   {"records_per_second", kind::amount}, {"bytes_per_second", kind::amount},
    {"latency", kind::object},
};

constexpr field histogram_fields[] = {
    {"unit", kind::unit, true}, {"count", kind::count, true}, {"min", kind::amount},     {"mean", kind::amount},
    {"max", kind::amount},      {"p50", kind::amount},        {"p90", kind::amount},     {"p99", kind::amount},
    {"p999", kind::amount},     {"p9999", kind::amount},      {"hdr", kind::text, true},
};
constexpr size_t hdr_row = std::size(histogram_fields) - 1;

constexpr field interval_fields[] = {
    {"at", kind::number, true},
    {"produced_records", kind::amount},
    {"produced_bytes", kind::amount},
    {"consumed_records", kind::amount},
    {"consumed_bytes", kind::amount},
    {"errors", kind::amount},
    {"produce_latency", kind::object},
    {"end_to_end_latency", kind::object},
    {"fetch_latency", kind::object},
    {"server", kind::object},
    {"server.user_seconds", kind::amount},
    {"server.system_seconds", kind::amount},
    {"server.rss_bytes", kind::amount},
    {"server.written_bytes", kind::amount},
    {"server.read_bytes", kind::amount},
    {"load", kind::object},
    {"load.user_seconds", kind::amount},
    {"load.system_seconds", kind::amount},
};

constexpr field percentile_fields[] = {
    {"p50_us", kind::amount},
    {"p99_us", kind::amount},
    {"p999_us", kind::amount},
    {"max_us", kind::amount},
};

/// Fields that come again at several places. An error's `place` is 256 times the group and 1 more than the row in it.
struct group {
  const char* where;
  std::span<const field> fields;
};

constexpr group groups[] = {
    {"", run_fields},
    {"produce", work_fields},
    {"consume", work_fields},
    {"produce.latency", histogram_fields},
    {"consume.latency", histogram_fields},
    {"end_to_end.latency", histogram_fields},
    {"intervals[]", interval_fields},
    {"intervals[].produce_latency", percentile_fields},
    {"intervals[].end_to_end_latency", percentile_fields},
    {"intervals[].fetch_latency", percentile_fields},
};
constexpr size_t histogram_groups = 3;  ///< the first of three, in the order of latency_paths

std::string_view cut_part(std::string_view& path) {
  const size_t dot = path.find('.');
  const std::string_view part = path.substr(0, dot);
  path = dot == path.npos ? std::string_view() : path.substr(dot + 1);
  return part;
}

/// One member of an object; nullptr where it is missing or null.
const json* member(const json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

/// Calls `visit` with everything at `path`: with nullptr where only the last part is missing, not at all where an earlier
/// one is; ends with the first that it refuses.
template <class Visit>
bool for_each(const json& here, std::string_view path, const Visit& visit) {
  if (path.empty()) return visit(&here);
  std::string_view part = cut_part(path);
  const bool every = part.ends_with("[]");
  if (every) part.remove_suffix(2);
  const json* next = member(here, part);
  if (next == nullptr) return every || !path.empty() || visit(nullptr);
  if (!every) return for_each(*next, path, visit);
  if (!next->is_array()) return true;
  return std::all_of(next->begin(), next->end(), [&](const json& element) { return for_each(element, path, visit); });
}

result<void> check(const json& document, const char* where, const field& wanted, uint16_t place) {
  const std::string path = *where == 0 ? wanted.path : fmt::format("{}.{}", where, wanted.path);
  bool missing = false;
  const bool sound = for_each(document, path, [&](const json* value) {
    missing = value == nullptr && wanted.needed;
    return value == nullptr ? !missing : kinds[static_cast<size_t>(wanted.wanted)].holds(*value);
  });
  if (sound) return {};
  if (wanted.wanted == kind::format) return fail(errc::foreign);
  return fail(missing ? errc::not_found : errc::malformed, 0, place);
}

}  // namespace

result<json> read_document(std::string_view text) {
  json document = json::parse(text, nullptr, false);
  if (document.is_discarded()) return fail(errc::malformed);
  if (!document.is_object()) return fail(errc::foreign);
  for (size_t g = 0; g < std::size(groups); ++g) {
    for (size_t row = 0; row < groups[g].fields.size(); ++row) {
      const auto place = static_cast<uint16_t>(g << 8 | (row + 1));
      TRY_CHECK(check(document, groups[g].where, groups[g].fields[row], place));
    }
  }
  return document;
}

field_words explain_field(uint16_t place) {
  const size_t g = place >> 8;
  const size_t row = place & 0xff;
  if (g >= std::size(groups) || row == 0 || row > groups[g].fields.size()) return {};
  const field& found = groups[g].fields[row - 1];
  const char* where = groups[g].where;
  return {*where == 0 ? found.path : fmt::format("{}.{}", where, found.path),
          kinds[static_cast<size_t>(found.wanted)].words};
}

const json* find(const json& document, std::string_view path) {
  const json* here = &document;
  while (here != nullptr && !path.empty()) here = member(*here, cut_part(path));
  return here;
}

uint16_t place_of_histogram(size_t index) { return static_cast<uint16_t>((histogram_groups + index) << 8 | (hdr_row + 1)); }

}  // namespace millrace::bench
