#include "server/config_load.hh"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hh"
#include "server/config_check.hh"
#include "server/config_file.hh"
#include "server/config_names.hh"
#include "server/config_value.hh"

namespace millrace::server {
namespace {

config default_values() {
  config values;
  for (const row& row : config_rows()) {
    const auto wrong = read_value(row, row.initial, values);
    ASSERT(!wrong);
  }
  return values;
}

void take_defaults(loaded_config& into) {
  into.origins.assign(config_rows().size(), provenance{});
  into.values = default_values();
}

void take(const setting& one, size_t row_index, loaded_config& into) {
  const row& row = config_rows()[row_index];
  if (const auto wrong = read_value(row, one.text, into.values)) {
    into.errors.push_back(fmt::format("{}: {}: {}", one.place, row.name, *wrong));
    return;
  }
  into.origins[row_index] = {.from = one.from, .place = one.place};
}

void take_all(std::span<const setting> settings, loaded_config& into) {
  for (const setting& one : settings) {
    if (const auto index = find_row(one.key)) {
      take(one, *index, into);
    } else {
      into.errors.push_back(fmt::format("{}: there is no setting {}{}", one.place, one.key, suggestion(one.key)));
    }
  }
}

void take_environment(std::span<const std::string> variables, loaded_config& into) {
  for (const std::string& variable : variables) {
    if (!variable.starts_with("MILLRACE_")) continue;
    const size_t equals = std::min(variable.find('='), variable.size());
    const std::string name = variable.substr(0, equals);
    const std::string value = equals < variable.size() ? variable.substr(equals + 1) : "";
    if (const auto index = find_environment_row(name)) {
      const setting one{
          .key = std::string(config_rows()[*index].name), .text = value, .from = origin::environment, .place = name};
      take(one, *index, into);
    } else {
      into.errors.push_back(fmt::format("environment: there is no setting {}{}", name, suggestion(name)));
    }
  }
}

/// What is set but does nothing in this version is said, never silently taken.
void warn_of_what_does_not_work_yet(loaded_config& loaded) {
  const auto rows = config_rows();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].not_yet.empty() || loaded.origins[i].from == origin::built_in) continue;
    if (value_text(rows[i], loaded.values) == rows[i].initial) continue;
    loaded.warnings.push_back(
        fmt::format("{}: {} has no effect: {}", loaded.origins[i].place, rows[i].name, rows[i].not_yet));
  }
}

}  // namespace

loaded_config load_config(const config_sources& sources) {
  loaded_config loaded;
  take_defaults(loaded);
  if (!sources.file.empty()) {
    file_settings file = read_config_file(sources.file);
    std::ranges::move(file.errors, std::back_inserter(loaded.errors));
    take_all(file.settings, loaded);
  }
  take_environment(sources.environment, loaded);
  take_all(sources.flags, loaded);
  take_all(sources.sets, loaded);
  if (loaded.errors.empty()) check_config(loaded);
  warn_of_what_does_not_work_yet(loaded);
  return loaded;
}

std::vector<explained_setting> explain(const loaded_config& loaded) {
  std::vector<explained_setting> all;
  const auto rows = config_rows();
  ASSERT(loaded.origins.size() == rows.size());
  const config defaults = default_values();
  for (size_t i = 0; i < rows.size(); ++i) {
    all.push_back({.what = rows[i],
                   .text = value_text(rows[i], loaded.values),
                   .initial = value_text(rows[i], defaults),
                   .from = loaded.origins[i]});
  }
  return all;
}

}  // namespace millrace::server
