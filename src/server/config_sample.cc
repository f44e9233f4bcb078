#include "server/config_sample.hh"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "server/config_table.hh"
#include "server/config_value.hh"

namespace millrace::server {
namespace {

constexpr size_t line_bytes_max = 98;

/// `text` as comment lines, broken between words.
std::string comment(std::string_view text) {
  std::string all;
  std::string line = "#";
  while (!text.empty()) {
    const size_t space = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, space);
    if (line.size() + 1 + word.size() > line_bytes_max) {
      all += line + "\n";
      line = "#";
    }
    line += ' ';
    line += word;
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return all + line + "\n";
}

/// The default as TOML: numbers and truths bare, everything else a text.
std::string toml_value(const row& row) {
  const bool bare = kafka_type(row) == 1 || kafka_type(row) == 3 || kafka_type(row) == 5;
  const bool plain = row.initial.find_first_not_of("-0123456789") == std::string_view::npos;
  const bool truth = row.initial == "true" || row.initial == "false";
  return bare && (plain || truth) ? std::string(row.initial) : fmt::format("\"{}\"", row.initial);
}

std::string facts(const row& row) {
  std::string text;
  if (!row.choices.empty()) text += fmt::format(" One of: {}.", fmt::join(row.choices, ", "));
  if (!row.not_yet.empty()) text += fmt::format(" No effect yet: {}.", row.not_yet);
  return text;
}

}  // namespace

std::string sample_config() {
  std::string all = comment(
      "Every setting of millraced with its default. Take the # away from a line to change it. "
      "Names that Kafka has "
      "are Kafka's, with Kafka's meaning; a table and a dotted key are the same ([log] "
      "retention.ms = 1 and "
      "log.retention.ms = 1). A variable (MILLRACE_NUM_PARTITIONS=6) overrides this file, a flag "
      "overrides both, "
      "and --set num.partitions=6 overrides everything. Sizes may be written \"64MiB\", times "
      "\"7d\". "
      "This file is made from the program's own table: see src/server/README.md.");
  for (const row& row : config_rows()) {
    if (!row.section.empty()) {
      all += fmt::format("\n# {0:-<{1}}\n", fmt::format("{} ", row.section), line_bytes_max - 2);
    }
    all += "\n" + comment(std::string(row.about) + facts(row));
    all += fmt::format("#{} = {}\n", row.name, toml_value(row));
  }
  return all;
}

}  // namespace millrace::server
