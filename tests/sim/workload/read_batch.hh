#pragma once

#include <cstdint>
#include <vector>

/// A batch as a client read it, and its records where the topic has keys.

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

/// A record of a topic with keys.
struct keyed_record {
  int64_t offset = 0;    ///< before it is in a log: in its batch
  int64_t time = 0;      ///< ms
  uint64_t key = 0;      ///< XXH3 of it
  uint64_t content = 0;  ///< XXH3 of time, key, value and headers: no two that are sent have the same
  bool tombstone = false;
};
using keyed_records = std::vector<keyed_record>;

}  // namespace millrace::swarm
