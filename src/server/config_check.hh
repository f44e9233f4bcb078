#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "server/config_load.hh"

/// What no single row can see: settings that contradict each other, and settings that this machine
/// cannot meet.

namespace millrace::server {

/// Adds to loaded.errors and loaded.warnings. Every row has been read.
void check_config(loaded_config& loaded);

/// Bytes of `memory = auto` with so many cores: a quarter of the machine's, at most 4 GiB; but what the cores need, up to
/// half of the machine's.
int64_t default_memory(int64_t machine_bytes, size_t cores);

/// What the broker takes of the machine: what was said, else all CPUs that it may use and default_memory().
struct machine_use {
  std::vector<unsigned> cpus;  ///< one core on each
  int64_t memory = 0;          ///< bytes, of the whole process
  std::string note;            ///< where memory is enough for a part of the CPUs only, and nothing was said
};
machine_use use_of(const config& values, std::span<const uint32_t> cpus_allowed, int64_t machine_bytes);

/// What is wrong with the configuration on a machine with this memory where the process may use
/// these CPUs (sorted); empty when it fits.
std::vector<std::string> check_machine(const config& values, std::span<const uint32_t> cpus_allowed, int64_t machine_bytes);

}  // namespace millrace::server
