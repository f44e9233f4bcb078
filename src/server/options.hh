#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "server/config.hh"

/// The command line of millraced. Flags that stand for settings become settings; the others say
/// what to do.

namespace millrace::server {

struct options {
  std::string config_file;     ///< --config, or empty
  std::vector<setting> flags;  ///< --data-dir --kafka --cores --memory, as settings
  std::vector<setting> sets;   ///< --set, in order
  bool version = false;
  bool probe = false;
  bool recover_by_scan = false;
};

/// Either options to go on with, or what to print before exiting with `exit_code`: on stdout for 0
/// (--help), else one line for stderr.
struct parsed_options {
  options value;
  std::optional<int> exit_code;
  std::string text;
};

/// `arguments` without the program's name.
parsed_options parse_options(std::span<const char* const> arguments);

}  // namespace millrace::server
