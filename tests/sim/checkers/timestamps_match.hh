#pragma once

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
