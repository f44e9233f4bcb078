#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/hash.hh"
#include "checkers/findings.hh"
#include "workload/read_batch.hh"

/// What is read was sent to that partition, byte for byte, and is there no oftener than it was
/// sent.

namespace millrace::swarm {

struct sent_batch {
  std::string partition;
  unsigned attempts = 0;
  bool once = false;           ///< numbered: all attempts are one
  unsigned process = 0;        ///< the broker's start before the last attempt
  uint64_t bytes = 0;          ///< of the batch
  std::vector<int64_t> times;  ///< of its records
};

class sent_is_read {
 public:
  void sent(const std::string& partition, uint64_t body, uint64_t bytes, const std::vector<int64_t>& times, unsigned process,
            bool once) {
    sent_batch& one = all_[body];
    one.bytes = bytes;
    one.partition = partition;
    one.times = times;
    one.once = once;
    one.process = process;
    ++one.attempts;
  }
  void read(findings& out, const std::string& partition, const read_batches& found) const {
    for (const read_batch& b : found) {
      const auto s = all_.find(b.body);
      if (s == all_.end() || s->second.partition != partition) {
        out.report(broken::safety, "sent_is_read", "a batch that nobody sent there: " + at_offset(partition, b.base));
      } else if (static_cast<int64_t>(s->second.times.size()) != b.next - b.base) {
        out.report(broken::safety, "sent_is_read", "a batch with other offsets: " + at_offset(partition, b.base));
      }
    }
  }
  /// All of a partition.
  void whole(findings& out, const std::string& partition, const read_batches& found) const {
    std::unordered_map<uint64_t, unsigned> times;
    for (const read_batch& b : found) {
      const auto s = all_.find(b.body);
      if (s == all_.end()) continue;
      const unsigned most = s->second.once ? 1 : s->second.attempts;
      if (++times[b.body] > most) {
        out.report(broken::safety, s->second.once ? "no_duplicates" : "sent_is_read",
                   "a batch that is there twice: " + at_offset(partition, b.base));
      }
    }
  }
  const sent_batch* find(uint64_t body) const {
    const auto s = all_.find(body);
    return s == all_.end() ? nullptr : &s->second;
  }

 private:
  std::unordered_map<uint64_t, sent_batch> all_;  // by hash of what the broker does not stamp; never walked
};

}  // namespace millrace::swarm
