#pragma once

#include <vector>

#include "api/http/node_view.hh"
#include "api/kafka/door.hh"

/// All numbers that one core has of itself, copied on it: for who reads them elsewhere, at leisure.

namespace millrace::api::http {

struct memory_numbers {
  uint64_t capacity = 0;
  uint64_t used = 0;
  uint64_t touched = 0;
};

struct partition_numbers {
  uint64_t partitions = 0;
  uint64_t producers = 0;
  uint64_t producers_max = 0;
  uint64_t groups = 0;
  uint64_t group_bytes = 0;
  uint64_t group_bytes_max = 0;
};

struct commit_numbers {
  uint64_t used = 0;
  uint64_t capacity = 0;
  uint64_t backlog = 0;
  uint64_t in_flight = 0;
  bool failed = false;
};

struct door_numbers {
  kafka::door_counters counted;
  uint64_t connections = 0;
  kafka::held_bytes held;
  kafka::held_bytes held_max;
  uint64_t small_frames = 0;
  uint64_t small_frames_max = 0;
  uint64_t large_frames = 0;
  uint64_t large_frames_max = 0;
  uint64_t sessions = 0;
  uint64_t session_bytes = 0;
  uint64_t session_bytes_max = 0;
};

struct core_sample {
  reactor::core_counters turns;
  reactor::backend_counters ring;
  memory_numbers memory;
  broker::broker_counters broker;
  partition_numbers partitions;
  storage::storage_counters storage;
  storage::flush_counters flushes;
  storage::compaction_counters compaction;
  commit_numbers commits;
  door_numbers door;                              ///< zeros until it is open
  std::vector<kafka::request_counters> requests;  ///< by row of kafka::served_apis(); sized by who asks

  /// An empty one.
  static core_sample make();
  static size_t bytes() noexcept;
};

/// On the core: fills `out`, which another core keeps alive.
void take_sample(const core_view& of, core_sample& out);

}  // namespace millrace::api::http
