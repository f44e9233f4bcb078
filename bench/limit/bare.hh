#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "common/histogram.hh"
#include "load/settings.hh"

/// The bare path: the shortest programs that do a broker's work without being one. A frame is 16
/// bytes of header and a body. Produce: receive on io_uring, check the CRC-32C in the pass that
/// copies into the partition's append buffer, write with O_DIRECT | RWF_DSYNC, answer 16 bytes.
/// Fetch: 16 bytes in, a frame out, from memory or from a file. What it reaches is what this
/// machine allows; a broker counts as a share of it.

namespace millrace::bench {

struct frame_header {
  uint32_t size;  ///< of the body
  uint32_t crc;   ///< CRC-32C of the body
  uint64_t number;
};
static_assert(sizeof(frame_header) == 16);

enum class disk_kind : uint8_t {
  none,     ///< answered from memory, nothing written; or fetched from memory
  write,    ///< answered when an O_DIRECT write has returned; or fetched from the file
  durable,  ///< the same with RWF_DSYNC
};

struct bare_settings {
  settings run;  ///< connections, in_flight, partitions, times, CPU and JSON; the rest unused
  size_t frame = 1 << 20;
  disk_kind disk = disk_kind::durable;
  std::string directory = ".";
  size_t file_bytes = 1u << 30;
  bool fresh = false;  ///< files that were only fallocated, made anew: their first write also
                       ///< converts extents
  int server_cpu = 0;
};

/// A file of at least `size` bytes that were all written and flushed once, so that no write of the
/// run allocates; or a fresh one.
std::string prepare_file(const bare_settings& s, int32_t number, size_t size);

/// Accept the connections of `s` from `listener`, serve until all are closed.
void serve_produce(int listener, const bare_settings& s);
void serve_fetch(int listener, const bare_settings& s);

/// Drives a server on 127.0.0.1:`port`, running as process run.server_pid, and reports.
void drive(uint16_t port, const bare_settings& s);

/// Waits for the next connection on `listener` and greets it with one byte: the server's files are
/// prepared.
int accept_one(int listener);

}  // namespace millrace::bench
