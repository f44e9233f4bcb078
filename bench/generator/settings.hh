#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hh"
#include "generator/distribution.hh"
#include "millrace/client.hh"
#include "record/batch_header.hh"

/// What the command line of millrace-bench says, resolved.

namespace millrace::generator {

enum class run_kind : uint8_t { produce, consume, e2e, mixed, search };
std::string_view name_of(run_kind kind);

struct settings {
  run_kind kind = run_kind::produce;
  std::vector<client::host_port> brokers;
  std::string label;
  std::string json;
  std::string report;  ///< file for the page of this run

  // The topic.
  std::string topic;
  int32_t partitions = 1;
  bool partitions_given = false;
  int16_t replication = 1;
  std::vector<std::pair<std::string, std::string>> topic_configs;
  bool keep = false;  ///< the topic stays; else what this run made is removed at its end

  // The load.
  double seconds = 10;  ///< measured; in a search of each rate
  double warmup = 0;
  double ramp = 0;  ///< the rate rises for so long; a part of the warm-up
  double rate = 0;  ///< records/s of all connections; 0: closed loop
  uint32_t connections = 1;
  uint32_t in_flight = 5;
  size_t batch_bytes = 16384;
  int32_t batch_records = INT32_MAX;
  double linger_ms = 0;
  std::string size = "100";
  std::string keys = "none";
  int acks = -1;
  record::codec compression = record::codec::none;
  bool idempotence = false;
  uint64_t run_id = 0;
  uint32_t first_producer = 0;

  // The readers.
  uint32_t groups = 0;     ///< 0: by partition
  uint32_t consumers = 1;  ///< of each group
  std::vector<int32_t> assign;
  bool from_begin = false;
  int32_t fetch_bytes = 50 << 20;
  int32_t fetch_partition_bytes = 1 << 20;
  int32_t fetch_min_bytes = 1;
  int32_t fetch_wait_ms = 500;
  double drain_seconds = 10;  ///< how long the end waits for answers and readers that make no progress

  // The search.
  double p99_ms = 10;
  uint32_t steps = 14;

  // The machine.
  std::vector<unsigned> cores;
  int server_pid = 0;
  double start_at = 0;  ///< unix seconds; 0: at once

  size_distribution sizes;
  key_distribution key_choice;

  bool produces() const { return kind != run_kind::consume; }
  bool consumes() const { return kind != run_kind::produce && kind != run_kind::search; }
  /// Members of its groups may be in other processes, and have read what was there.
  bool shares_groups() const { return kind == run_kind::consume && groups > 0; }
  bool open_loop() const { return rate > 0; }
  bool compresses() const { return compression != record::codec::none; }
  /// Without a rate and without keys batches leave full.
  bool lingers() const { return open_loop() || !key_choice.none(); }
};

/// `millrace-bench merge`.
struct merge_settings {
  std::vector<std::string> files;
  std::string json;
  std::string label;
};

/// Results, in the order in which the page shows them, and the page's file.
struct report_settings {
  std::vector<std::string> files;
  std::string report;
};

/// What to do, or what to print (on stdout for status 0, else one line for stderr) and leave with.
struct command {
  std::optional<settings> run;
  std::optional<merge_settings> merge;
  std::optional<report_settings> report;
  int status = 0;
  std::string text;
};
command parse_command(std::span<const char* const> arguments);

}  // namespace millrace::generator
