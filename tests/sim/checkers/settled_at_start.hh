#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include "checkers/findings.hh"
#include "checkers/sent_is_read.hh"

/// What a start of the broker finds in a partition is all that comes of what was sent before it: a batch that was sent to
/// earlier processes only does not turn up behind an end that a later one has shown.

namespace millrace::swarm {

class settled_at_start {
 public:
  /// An answer of the broker's start number `process` showed this high watermark.
  void shown(unsigned process, int64_t high) {
    const auto [at, fresh] = lowest_.emplace(process, high);
    if (!fresh) at->second = std::min(at->second, high);
  }
  void read(findings& out, const std::string& partition, const sent_is_read& sent, const read_batches& found) const {
    for (const read_batch& b : found) {
      const sent_batch* const s = sent.find(b.body);
      if (s == nullptr) continue;  // reported
      for (auto later = lowest_.upper_bound(s->process); later != lowest_.end(); ++later) {
        if (later->second > b.base) continue;
        out.report(broken::safety, "settled_at_start",
                   "a batch turned up that a start had not found: " + at_offset(partition, b.base));
        return;
      }
    }
  }

 private:
  std::map<unsigned, int64_t> lowest_;  // by process: of the high watermarks that it showed
};

}  // namespace millrace::swarm
