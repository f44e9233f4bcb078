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

/// Bytes of `memory = auto`: a quarter of the machine's, at most 4 GiB.
int64_t default_memory(int64_t machine_bytes);

/// What is wrong with the configuration on a machine with this memory where the process may use
/// these CPUs (sorted); empty when it fits.
std::vector<std::string> check_machine(const config& values, std::span<const uint32_t> cpus_allowed, int64_t machine_bytes);

}  // namespace millrace::server
