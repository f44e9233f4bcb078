#pragma once

#include <span>
#include <string>
#include <vector>

#include "server/config.hh"
#include "server/config_table.hh"

/// Puts the sources together: the table's defaults < the file < MILLRACE_* variables < flags <
/// --set.

namespace millrace::server {

/// What there is to read. Flags and --set come from options.hh.
struct config_sources {
  std::string file;                      ///< path, or empty for none
  std::vector<std::string> environment;  ///< every NAME=value of the process
  std::vector<setting> flags;
  std::vector<setting> sets;
};

/// `values` is to be used only where `errors` is empty. Every line names its place: the file with
/// its line, the variable, or the flag.
struct loaded_config {
  config values;
  std::vector<provenance> origins;  ///< one for each of config_rows()
  std::vector<std::string> errors;
  std::vector<std::string> warnings;  ///< allowed, but not what the operator may expect
};

loaded_config load_config(const config_sources& sources);

/// One row of what is in force, for DescribeConfigs and for people. Kafka's sources: built_in is
/// DEFAULT_CONFIG (5), all others STATIC_BROKER_CONFIG (4).
struct explained_setting {
  const row& what;
  std::string text;
  std::string initial;  ///< what the text is where nobody sets it
  const provenance& from;
};
std::vector<explained_setting> explain(const loaded_config& loaded);

}  // namespace millrace::server
