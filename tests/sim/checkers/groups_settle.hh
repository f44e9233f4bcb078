#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/time.hh"

/// Liveness of groups: some time after the last fault each group with living members is stable. All of them are in one
/// generation, and together they own every partition there is, each once.

namespace millrace::swarm {

class groups_settle {
 public:
  /// A member may first wait 60 s for an answer on a connection whose other end has vanished; then sessions end and groups
  /// rebalance.
  static constexpr base::duration bound = base::seconds(120);

  /// `member` is there, and in no generation.
  void outside(unsigned member) { living_[member] = {}; }
  void left(unsigned member) { living_.erase(member); }
  /// SyncGroup gave it these.
  void inside(unsigned member, int32_t generation, std::vector<std::string> partitions) {
    living_[member] = {.generation = generation, .confirmed = {}, .partitions = std::move(partitions)};
  }
  /// A Heartbeat that was sent at `since` found it in its generation.
  void confirmed(unsigned member, base::instant since) { living_[member].confirmed = since; }

  size_t living() const { return living_.size(); }
  /// Whether Heartbeats since then say so.
  bool stable(base::instant since, const std::set<std::string>& partitions) const {
    std::multiset<std::string> owned;
    for (const auto& [member, s] : living_) {
      if (s.generation < 0 || s.confirmed < since || s.generation != living_.begin()->second.generation) return false;
      owned.insert(s.partitions.begin(), s.partitions.end());
    }
    return living_.empty() || std::multiset<std::string>(partitions.begin(), partitions.end()) == owned;
  }
  /// For a report.
  std::string describe() const {
    std::string all;
    for (const auto& [member, s] : living_) {
      all += (all.empty() ? "" : ", ") + std::to_string(member) + " in generation " + std::to_string(s.generation) +
             " with " + std::to_string(s.partitions.size());
    }
    return all;
  }

 private:
  struct standing {
    int32_t generation = -1;    ///< -1: in none
    base::instant confirmed{};  ///< the newest Heartbeat that succeeded was sent then
    std::vector<std::string> partitions;
  };
  std::map<unsigned, standing> living_;  // by number
};

}  // namespace millrace::swarm
