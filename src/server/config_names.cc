#include "server/config_names.hh"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "server/config_table.hh"

namespace millrace::server {
namespace {

struct renamed {
  std::string_view theirs;
  std::string_view ours;
};
/// Names that Kafka's users and readers of our flags will try.
constexpr renamed others[] = {
    {"broker.id", "node.id"},
    {"log.dir", "log.dirs"},
    {"data.dir", "log.dirs"},
    {"log.retention.hours", "log.retention.ms"},
    {"log.retention.minutes", "log.retention.ms"},
    {"log.roll.hours", "log.roll.ms"},
    {"log.roll.jitter.hours", "log.roll.jitter.ms"},
    {"port", "listeners"},
    {"host.name", "listeners"},
    {"kafka", "listeners"},
};

/// Edits that turn `a` into `b`: letters put in, left out, changed, or swapped with their
/// neighbour.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

constexpr size_t name_bytes_max = 64;  // longer than every name: nothing near it, and no work to find out

}  // namespace

std::string environment_name(std::string_view key) {
  std::string name = "MILLRACE_";
  for (const char c : key) name += c == '.' ? '_' : (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

std::optional<size_t> find_environment_row(std::string_view variable) {
  const auto rows = config_rows();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (environment_name(rows[i].name) == variable) return i;
  }
  return std::nullopt;
}

std::string suggestion(std::string_view unknown) {
  if (unknown.size() > name_bytes_max) return "";
  const bool variable = unknown.starts_with("MILLRACE_");
  const auto spelled = [&](std::string_view key) { return variable ? environment_name(key) : std::string(key); };
  for (const renamed& one : others) {
    if (spelled(one.theirs) == unknown) return fmt::format(" (Millrace has {} instead)", spelled(one.ours));
  }
  std::string nearest;
  size_t least = std::max<size_t>(2, (unknown.size() - (variable ? 9 : 0)) / 4) + 1;
  for (const row& row : config_rows()) {
    std::string name = spelled(row.name);
    const size_t distance = edit_distance(unknown, name);
    if (distance < least) {
      least = distance;
      nearest = std::move(name);
    }
  }
  return nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest);
}

}  // namespace millrace::server
