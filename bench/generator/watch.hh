#pragma once

#include <cstdint>
#include <optional>
#include <string>

/// What the machine says of processes and of itself, from /proc.

namespace millrace::generator {

/// Totals up to now; rss_bytes is the one that is not.
struct process_usage {
  double user_seconds = 0;
  double system_seconds = 0;
  uint64_t rss_bytes = 0;
  std::optional<uint64_t> read_bytes;  ///< from storage; none: it may not be seen (a process of another user)
  std::optional<uint64_t> written_bytes;
  double cpu_seconds() const { return user_seconds + system_seconds; }
};
/// False: there is no such process. pid 0 is this one.
bool usage_of(int pid, process_usage& to);

/// Processor seconds of all CPUs since the machine started.
struct machine_time {
  double all = 0;
  double steal = 0;
};
machine_time machine_now();

struct host_facts {
  std::string name;
  int cpus = 0;
  std::string cpu_model;
  uint64_t memory_bytes = 0;
  std::string kernel;
};
host_facts look_at_host();

}  // namespace millrace::generator
