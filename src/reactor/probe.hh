#pragma once

#include <string>
#include <vector>

#include "reactor/machine.hh"

/// What this machine offers, and which mechanism is used on each path because of it. For `--probe`
/// and the log.

namespace millrace::reactor {

/// What a broker would be started with.
struct probe_request {
  std::string directory;  ///< of the data; need not be there yet
  machine_options machine;
  std::string send = "auto";       ///< how bytes leave: auto, copy, zerocopy
  std::string cold_read = "auto";  ///< how closed segments are read: auto, direct, splice
};

struct probe_line {
  std::string name;
  std::string value;
};

struct probe_report {
  bool usable = false;             ///< a broker can run here
  std::string hindrance;           ///< why it cannot
  std::vector<probe_line> offers;  ///< what the kernel and the machine have
  std::vector<probe_line> uses;    ///< what is used on each path
};

/// Looks at the kernel, the limits, the processor and the directory, or the nearest one above it
/// that is there (where a file is made and removed). Any thread.
probe_report probe(const probe_request& asked);

/// The report as text, a line each.
std::string to_text(const probe_report& report);

}  // namespace millrace::reactor
