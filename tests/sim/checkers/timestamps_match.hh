#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "checkers/findings.hh"

/// What ListOffsets says for a time equals a linear scan of what was read.

namespace millrace::swarm {

class timestamps_match {
 public:
  /// The records of a whole partition in order: offset and time.
  using records = std::vector<std::pair<int64_t, int64_t>>;

  /// The first record at or after `time`; {-1, -1}: there is none.
  static std::pair<int64_t, int64_t> scan(const records& all, int64_t time) {
    for (const auto& [offset, at] : all) {
      if (at >= time) return {offset, at};
    }
    return {-1, -1};
  }
  /// Where records went away between two scans: the answer was there before, and nothing that was there all the time comes
  /// before it.
  static void between(findings& out, const std::string& partition, const records& before, const records& after, int64_t time,
                      int64_t offset, int64_t timestamp) {
    const auto stayed = scan(after, time);
    const bool none = offset == -1 && timestamp == -1;
    const bool was_there =
        timestamp >= time && std::find(before.begin(), before.end(), std::pair(offset, timestamp)) != before.end();
    const bool is_first = stayed.first == -1 || (!none && offset <= stayed.first);
    if (is_first && (none || was_there)) return;
    out.report(broken::safety, "timestamps_match",
               partition + " time " + std::to_string(time) + ": offset " + std::to_string(offset) + " with " +
                   std::to_string(timestamp) + ", while records go; " + std::to_string(stayed.first) + " with " +
                   std::to_string(stayed.second) + " stays");
  }
  static void answered(findings& out, const std::string& partition, const records& all, int64_t time, int64_t offset,
                       int64_t timestamp) {
    const auto expected = scan(all, time);
    if (expected != std::pair(offset, timestamp)) {
      out.report(broken::safety, "timestamps_match",
                 partition + " time " + std::to_string(time) + ": offset " + std::to_string(offset) + " with " +
                     std::to_string(timestamp) + ", expected " + std::to_string(expected.first) + " with " +
                     std::to_string(expected.second));
    }
  }
};

}  // namespace millrace::swarm
