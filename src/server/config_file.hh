#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/config.hh"

/// A configuration file (TOML 1.0) as a flat list of settings. A table and a dotted key are the
/// same, and so is a quoted key with dots in it. Keys are not looked up here.

namespace millrace::server {

inline constexpr size_t config_file_bytes_max = 1 << 20;

struct file_settings {
  std::vector<setting> settings;  ///< in the order of the file's keys; `place` is "path:line"
  std::vector<std::string> errors;
};

/// `path` is only for messages.
file_settings read_config_text(std::string_view text, std::string_view path);

/// Reads the file at `path`; one that cannot be read, or is over config_file_bytes_max, is an
/// error.
file_settings read_config_file(const std::string& path);

}  // namespace millrace::server
