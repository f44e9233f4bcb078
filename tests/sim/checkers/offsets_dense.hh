#pragma once

#include <cstdint>
#include <string>

#include "checkers/findings.hh"
#include "workload/read_batch.hh"

/// A read begins with the batch that holds the wanted offset; each batch follows the one before
/// without a gap, with an epoch that is no older; nothing is shown above the high watermark.

namespace millrace::swarm {

class offsets_dense {
 public:
  static void read(findings& out, const std::string& partition, int64_t wanted, int64_t high_watermark,
                   const read_batches& found) {
    if (found.empty()) return;
    if (found.front().base > wanted || found.front().next <= wanted) {
      out.report(broken::safety, "offsets_dense",
                 "a read of " + at_offset(partition, wanted) + " begins at " + std::to_string(found.front().base));
    }
    for (size_t i = 1; i < found.size(); ++i) {
      if (found[i].base != found[i - 1].next) {
        out.report(broken::safety, "offsets_dense",
                   "after " + at_offset(partition, found[i - 1].next) + " comes " + std::to_string(found[i].base));
      }
      if (found[i].epoch < found[i - 1].epoch) {
        out.report(broken::safety, "offsets_dense", "the leader epoch goes back: " + at_offset(partition, found[i].base));
      }
    }
    if (found.back().next > high_watermark) {
      out.report(broken::safety, "offsets_dense",
                 "read above the high watermark " + at_offset(partition, high_watermark) + ": to " +
                     std::to_string(found.back().next));
    }
  }
};

}  // namespace millrace::swarm
