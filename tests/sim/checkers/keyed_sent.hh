#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "checkers/findings.hh"
#include "workload/read_batch.hh"

/// What was sent to the partitions of a name, record by record: where compaction takes records out of batches, what is read
/// was sent there all the same.

namespace millrace::swarm {

class keyed_sent {
 public:
  struct record {
    uint64_t key = 0;
    bool tombstone = false;
    bool once = false;  ///< numbered: all attempts are one
    unsigned attempts = 0;
    int64_t first_sent = 0;  ///< by the clients' wall clock
  };

  void sent(const keyed_records& records, bool once, int64_t now) {
    for (const keyed_record& r : records) {
      const auto [at, fresh] = all_.try_emplace(r.content, record{r.key, r.tombstone, once, 0, now});
      ++at->second.attempts;
      if (fresh) by_key_[r.key].push_back(r.content);
    }
  }
  /// Null: nobody sent it there.
  const record* find(uint64_t content) const {
    const auto at = all_.find(content);
    return at == all_.end() ? nullptr : &at->second;
  }
  /// Whether f(content, record) is true of any record with this key.
  template <class F>
  bool any_of_key(uint64_t key, F&& f) const {
    const auto at = by_key_.find(key);
    return at != by_key_.end() &&
           std::ranges::any_of(at->second, [&](uint64_t content) { return f(content, all_.at(content)); });
  }

 private:
  std::unordered_map<uint64_t, record> all_;                    // by content; never walked
  std::unordered_map<uint64_t, std::vector<uint64_t>> by_key_;  // contents, in the order in which they were sent first
};

}  // namespace millrace::swarm
