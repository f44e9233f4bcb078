#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <sstream>
#include <string>

/// Reads Prometheus' text format strictly, and gives what it says: tests ask for samples by their whole left side.

namespace millrace::api::http::test {

struct exposed {
  std::map<std::string, double> samples;     ///< `name{core="0",api="Fetch"}`
  std::map<std::string, std::string> kinds;  ///< by family
  std::set<std::string> problems;

  double at(const std::string& sample) const {
    const auto found = samples.find(sample);
    REQUIRE_MESSAGE(found != samples.end(), sample);
    return found->second;
  }
  bool has(const std::string& sample) const { return samples.contains(sample); }
  /// All samples whose name, and what begins their labels, is this.
  double sum(const std::string& beginning) const {
    double all = 0;
    for (const auto& [sample, value] : samples) all += sample.starts_with(beginning) ? value : 0;
    return all;
  }
  size_t count(const std::string& beginning) const {
    size_t all = 0;
    for (const auto& [sample, value] : samples) all += sample.starts_with(beginning) ? 1 : 0;
    return all;
  }
};

inline std::string family_of(const std::string& sample, const exposed& known) {
  std::string name = sample.substr(0, sample.find_first_of("{ "));
  for (const std::string suffix : {"_bucket", "_sum", "_count"}) {
    if (!name.ends_with(suffix)) continue;
    const std::string base = name.substr(0, name.size() - suffix.size());
    const auto found = known.kinds.find(base);
    if (found != known.kinds.end() && found->second == "histogram") return base;
  }
  return name;
}

inline exposed read_exposition(const std::string& text) {
  exposed all;
  std::string family;
  std::string helped;
  std::istringstream lines(text);
  if (!text.ends_with('\n')) all.problems.insert("the last line has no end");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) {
      helped = line.substr(7, line.find(' ', 7) - 7);
      continue;
    }
    if (line.starts_with("# TYPE ")) {
      const size_t space = line.find(' ', 7);
      family = line.substr(7, space - 7);
      if (family != helped) all.problems.insert("no help: " + line);
      if (!all.kinds.emplace(family, line.substr(space + 1)).second) all.problems.insert("twice: " + line);
      const bool total = family.ends_with("_total");
      if (total != (line.substr(space + 1) == "counter")) all.problems.insert("a counter ends in _total: " + line);
      continue;
    }
    const size_t space = line.rfind(' ');
    char* end = nullptr;
    const double value = std::strtod(line.c_str() + space + 1, &end);
    const std::string sample = line.substr(0, space);
    if (*end != 0 || end == line.c_str() + space + 1) all.problems.insert("no number: " + line);
    if (family_of(sample, all) != family) all.problems.insert("not with its family: " + line);
    if (!all.samples.emplace(sample, value).second) all.problems.insert("twice: " + line);
  }
  return all;
}

}  // namespace millrace::api::http::test
