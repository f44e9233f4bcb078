#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "checkers/findings.hh"

/// What a group committed does not go back, in one process or over any number of them: an OffsetFetch that is sent after a
/// commit was acknowledged answers at least that, and nothing that nobody committed. The members see to it that commits of
/// one partition rise in the order in which the broker may take them.

namespace millrace::swarm {

/// A partition of a topic, which may be made again under its name.
struct committed_partition {
  std::string name;   ///< "topic-partition"
  unsigned made = 0;  ///< of its topic
  friend auto operator<=>(const committed_partition&, const committed_partition&) = default;
};

class commits_kept {
 public:
  /// An offset above all that were sent under this name, by `step`; it counts as sent.
  int64_t next(const std::string& name, int64_t step) {
    std::set<int64_t>& sent = sent_[name];
    const int64_t offset = (sent.empty() ? 0 : *sent.rbegin()) + step;
    sent.insert(offset);
    return offset;
  }
  /// -1: nothing was acknowledged.
  int64_t floor(const committed_partition& p) const {
    const auto at = floors_.find(p);
    return at == floors_.end() ? -1 : at->second;
  }
  /// Whether nothing was acknowledged, nor seen.
  bool empty() const {
    return std::all_of(floors_.begin(), floors_.end(), [](const auto& p) { return p.second < 0; });
  }
  /// The group was deleted: nothing of it may be seen any more.
  void deleted() {
    floors_.clear();
    sent_.clear();
  }
  void acknowledged(const committed_partition& p, int64_t offset) { raise(p, offset); }
  /// An answer to an OffsetFetch that was sent when the floor was `floor`; -1: no offset.
  void fetched(findings& out, const std::string& group, const committed_partition& p, int64_t floor, int64_t offset) {
    if (offset < floor) {
      out.report(broken::safety, "commits_kept",
                 "what " + group + " committed of " + p.name + " went back from " + std::to_string(floor) + " to " +
                     std::to_string(offset));
    }
    const auto sent = sent_.find(p.name);
    if (offset >= 0 && (sent == sent_.end() || !sent->second.contains(offset))) {
      out.report(broken::safety, "commits_kept",
                 "nobody in " + group + " committed what is fetched: " + at_offset(p.name, offset));
    }
    raise(p, offset);
  }

 private:
  void raise(const committed_partition& p, int64_t offset) {
    const auto at = floors_.try_emplace(p, -1).first;
    at->second = std::max(at->second, offset);
  }

  std::map<committed_partition, int64_t> floors_;
  std::map<std::string, std::set<int64_t>> sent_;  // by name
};

}  // namespace millrace::swarm
