#pragma once

#include <map>
#include <string>

#include "checkers/findings.hh"
#include "workload/read_batch.hh"

/// What was read once is read again the same, stamp included.

namespace millrace::swarm {

class reads_stable {
 public:
  void read(findings& out, const std::string& partition, const read_batches& found) {
    for (const read_batch& b : found) {
      const auto [at, fresh] = seen_.emplace(b.base, b);
      if (!fresh && !(at->second == b)) {
        out.report(broken::safety, "reads_stable", "another batch than before: " + at_offset(partition, b.base));
      }
    }
    if (found.empty()) return;
    // What was seen among these offsets is among these batches: no batch was cut in two or joined.
    size_t i = 0;
    for (auto s = seen_.lower_bound(found.front().base); s != seen_.end() && s->first < found.back().next; ++s) {
      if (i >= found.size() || found[i++].base != s->first) {
        out.report(broken::safety, "reads_stable", "a batch read before is gone: " + at_offset(partition, s->first));
        return;
      }
    }
  }
  /// What was read from `end` on is lost, and may be.
  void cut(int64_t end) { seen_.erase(seen_.lower_bound(end), seen_.end()); }

 private:
  std::map<int64_t, read_batch> seen_;  // by base offset
};

}  // namespace millrace::swarm
