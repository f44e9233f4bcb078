#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/time.hh"

/// What measuring programs ask of the machine: clocks, cores, memory, and who used the processors
/// meanwhile.

namespace millrace::bench {

/// The monotonic clock.
base::instant now();

/// Binds the calling thread to one CPU.
void pin(int cpu);

/// Raises the limit of open files as far as it goes.
void raise_file_limit();

/// Zeroed memory in 2 MiB pages where the kernel gives them, touched, never given back.
uint8_t* huge_memory(size_t size);

/// Fills with numbers that do not compress, the same for the same seed.
void fill_random(uint8_t* target, size_t size, uint64_t seed);

/// Processor use up to some moment. Seconds and counts are totals; subtract two.
struct usage {
  base::instant at;
  double own_seconds = 0;          ///< this process
  double server_seconds = 0;       ///< all threads of the server, also those that ended
  double server_user_seconds = 0;  ///< in ticks of 10 ms
  double server_system_seconds = 0;
  uint64_t server_switches = 0;      ///< voluntary ones: how often its threads slept, without io workers of the kernel
  double steal_seconds = 0;          ///< all CPUs: time that the host gave to somebody else
  uint64_t server_resident_kib = 0;  ///< now, not a total
};

/// `server_pid` 0 leaves the server's fields 0; the time runs on while it reads /proc.
usage usage_now(int server_pid);

/// `uname -n`, `uname -r` and the CPU's name.
std::string host_name();
std::string kernel_release();
std::string cpu_model();

}  // namespace millrace::bench
