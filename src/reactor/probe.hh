#pragma once

#include <string>
#include <vector>

/// What this machine offers, and which mechanism is used on each path because of it. For `--probe`
/// and the log.

namespace millrace::reactor {

struct probe_line {
  std::string name;
  std::string value;
};

struct probe_report {
  bool usable = false;             ///< a broker can run here
  std::vector<probe_line> offers;  ///< what the kernel and the machine have
  std::vector<probe_line> uses;    ///< what is used on each path
};

/// Looks at the kernel, the limits, the processor and `directory` (where a file is made and
/// removed). Any thread.
probe_report probe(const std::string& directory);

/// The report as text, a line each.
std::string to_text(const probe_report& report);

}  // namespace millrace::reactor
