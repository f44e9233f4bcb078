#pragma once

#include <cstdint>

/// What the partitions of one core did, counted; gauges end in _now.

namespace millrace::broker {

struct broker_counters {
  uint64_t batches_appended = 0;
  uint64_t records_appended = 0;
  uint64_t bytes_appended = 0;
  uint64_t batches_repeated = 0;  ///< of idempotent producers: they were in the log already
  uint64_t appends_waiting_now = 0;
  uint64_t reads_from_memory = 0;  ///< of one partition each, that gave records
  uint64_t reads_from_files = 0;
  uint64_t bytes_from_memory = 0;
  uint64_t bytes_from_files = 0;
  uint64_t fetches_parked_now = 0;
  uint64_t works_sent = 0;  ///< to other cores
};

}  // namespace millrace::broker
