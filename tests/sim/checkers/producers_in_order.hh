#pragma once

#include <cstdint>
#include <unordered_map>

#include "checkers/findings.hh"
#include "workload/read_batch.hh"

/// What an idempotent producer sent is in the log once and in its order: of each producer the sequences follow each other,
/// and a newer epoch begins at 0 (KIP-98).

namespace millrace::swarm {

class producers_in_order {
 public:
  /// All batches of a partition, from its start.
  static void whole(findings& out, const std::string& partition, const read_batches& found) {
    std::unordered_map<int64_t, last> seen;
    for (const read_batch& b : found) {
      if (b.producer < 0) continue;
      const auto [at, is_first] = seen.try_emplace(b.producer, last{b.producer_epoch, b.sequence});
      last& l = at->second;
      if (b.producer_epoch > l.epoch) l = {b.producer_epoch, 0};
      if (!is_first && (b.producer_epoch != l.epoch || b.sequence != l.next)) {
        out.report(broken::safety, "producers_in_order",
                   "a batch out of its producer's order, or twice: " + at_offset(partition, b.base));
      }
      const int64_t next = int64_t{b.sequence} + (b.next - b.base);
      l.next = static_cast<int32_t>(next > INT32_MAX ? next - INT32_MAX - 1 : next);
    }
  }

 private:
  struct last {
    int16_t epoch;
    int32_t next;
  };
};

}  // namespace millrace::swarm
