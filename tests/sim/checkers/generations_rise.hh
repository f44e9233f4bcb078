#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "checkers/findings.hh"

/// The generation of a group does not go back, and of an older one nothing is taken any more. What JoinGroup answers is not
/// on disk yet: the next process may give that generation again. What SyncGroup answered is.

namespace millrace::swarm {

class generations_rise {
 public:
  /// What a request that is sent now to the broker's start number `process` must find at least.
  int32_t floor(unsigned process) const { return process == process_ ? std::max(synced_, joined_) : synced_; }

  /// Whether the broker's start number `process` has read the group: before that every Heartbeat is answered with none.
  bool is_read_in(unsigned process) const { return read_in_ == process; }
  /// Something but a Heartbeat succeeded there.
  void read_in(unsigned process) { read_in_ = process; }

  /// Answers to requests that were sent when the floor was `floor`: each was successful.
  void joined(findings& out, const std::string& group, unsigned process, int32_t generation, int32_t floor) {
    accepted(out, group, "JoinGroup", generation, floor);
    if (process > process_) {
      process_ = process;
      joined_ = 0;
    }
    if (process == process_) joined_ = std::max(joined_, generation);
  }
  void synced(findings& out, const std::string& group, int32_t generation, int32_t floor) {
    accepted(out, group, "SyncGroup", generation, floor);
    synced_ = std::max(synced_, generation);
  }
  static void accepted(findings& out, const std::string& group, const char* what, int32_t generation, int32_t floor) {
    if (generation >= floor) return;
    out.report(broken::safety, "generations_rise",
               std::string(what) + " of generation " + std::to_string(generation) + " of " + group + " succeeds after " +
                   std::to_string(floor));
  }

 private:
  int32_t synced_ = 0;
  unsigned process_ = 0;
  int32_t joined_ = 0;  ///< in that process
  std::optional<unsigned> read_in_;
};

}  // namespace millrace::swarm
