#pragma once

#include <cstdint>

#include "base/buckets.hh"

/// What one core's door counts of one API: a few plain increments a request.

namespace millrace::api::kafka {

struct request_counters {
  uint64_t requests = 0;       ///< taken up
  uint64_t in_flight = 0;      ///< of these, those that their connection has not let go of
  uint64_t request_bytes = 0;  ///< with the four of their length
  uint64_t response_bytes = 0;
  uint64_t partition_errors = 0;  ///< of Produce and Fetch: partitions that were answered with an error
  /// From the turn in which a whole request is taken up until its answer, behind those of earlier requests, goes to the
  /// socket. A fetch that waits for records is as long as it waits.
  base::latency_buckets latency;
};

}  // namespace millrace::api::kafka
