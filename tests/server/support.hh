#pragma once

#include <doctest/doctest.h>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "server/config_load.hh"
#include "server/config_value.hh"

/// What the tests of the configuration share.

namespace millrace::server {

/// `--set` settings from "key", "text" pairs.
inline setting set(std::string key, std::string text) {
  return {.key = std::move(key), .text = std::move(text), .from = origin::set, .place = "--set"};
}
inline loaded_config load_sets(std::vector<setting> sets) {
  return load_config({.file = {}, .environment = {}, .flags = {}, .sets = std::move(sets)});
}

inline std::string joined(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}
inline bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// The text in force of a row.
inline std::string text_of(const loaded_config& loaded, std::string_view key) {
  return value_text(config_rows()[find_row(key).value()], loaded.values);
}
inline const provenance& origin_of(const loaded_config& loaded, std::string_view key) {
  return loaded.origins.at(find_row(key).value());
}

/// A file that is gone at the end of the test.
class temporary_file {
 public:
  explicit temporary_file(std::string_view text) {
    char name[] = "/tmp/millrace-config-XXXXXX";
    const int fd = mkstemp(name);
    REQUIRE(fd >= 0);
    path_ = name;
    std::FILE* file = fdopen(fd, "w");
    REQUIRE(file != nullptr);
    REQUIRE(std::fwrite(text.data(), 1, text.size(), file) == text.size());
    std::fclose(file);
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace millrace::server
