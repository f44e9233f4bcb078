#pragma once

#include <cstdint>
#include <vector>

/// A batch as a client read it.

namespace millrace::swarm {

struct read_batch {
  int64_t base = 0;
  int64_t next = 0;
  int32_t epoch = 0;
  uint64_t body = 0;  ///< XXH3 of all bytes but those that the broker stamps (base offset, leader epoch)
  // As its producer numbered it; -1 where it did not.
  int64_t producer = -1;
  int16_t producer_epoch = -1;
  int32_t sequence = -1;
  friend bool operator==(const read_batch&, const read_batch&) = default;
};
using read_batches = std::vector<read_batch>;

}  // namespace millrace::swarm
