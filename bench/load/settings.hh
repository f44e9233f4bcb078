#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hh"

/// What one run of raw_load shall do, as its command line says.

namespace millrace::bench {

struct address {
  std::string host;
  uint16_t port = 0;
  friend bool operator==(const address&, const address&) = default;
};

enum class run_kind : uint8_t { produce, open, fetch };

struct settings {
  run_kind kind = run_kind::produce;
  address broker{"127.0.0.1", 9092};
  std::string topic = "raw-load";
  std::vector<std::pair<std::string, std::string>> topic_configs;
  int32_t partitions = 4;
  int32_t replication_factor = 1;
  bool delete_after = false;

  uint32_t connections = 1;
  uint32_t in_flight = 1;  ///< requests without an answer on one connection
  bool sticky = false;     ///< connection i keeps to partition i mod P

  uint32_t messages_per_batch = 10;
  uint32_t message_bytes = 1000;
  int16_t acks = -1;
  uint64_t limit_mb = 0;  ///< produce: ends after so much instead of after a time; 0: after a time
  double rate = 0;        ///< open: requests a second, all connections together

  bool from_start = false;  ///< fetch: all of the log instead of its last window_mb
  bool follow = false;      ///< fetch: what comes after the end, as it comes
  int32_t max_bytes = 1 << 20;
  bool check_crc = false;
  uint64_t preload_mb = 0;  ///< fetch: written before, in batches of the given size
  uint64_t window_mb = 8;

  base::duration seconds = base::seconds(5);
  base::duration warmup = base::seconds(1);
  base::duration spin = base::microseconds(50);
  int cpu = -1;  ///< -1: wherever the kernel puts it
  int server_pid = 0;
  std::string json_path;
  std::string label;  ///< copied into the JSON
};

/// Reads the command line; prints help or a complaint and exits where that is called for.
settings parse_settings(int argc, char** argv);

/// "produce 10 x 1000 B, 8 connections x 16, 4 partitions, acks -1".
std::string describe(const settings& s);

}  // namespace millrace::bench
