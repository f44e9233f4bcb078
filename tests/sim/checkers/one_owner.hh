#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "checkers/findings.hh"

/// In one generation of a group a partition is given to one member only, whoever asks, how often, and after whatever. A
/// static member is one by its instance id, whatever member id it has now.

namespace millrace::swarm {

class one_owner {
 public:
  /// SyncGroup gave these ("topic-partition") to `owner`.
  void assigned(findings& out, const std::string& group, int32_t generation, const std::string& owner,
                const std::vector<std::string>& partitions) {
    for (const std::string& p : partitions) {
      const auto [at, fresh] = owners_.try_emplace({generation, p}, owner);
      if (fresh || at->second == owner) continue;
      out.report(broken::safety, "one_owner",
                 "generation " + std::to_string(generation) + " of " + group + " gives " + p + " to " + at->second +
                     " and " + owner);
    }
  }

 private:
  std::map<std::pair<int32_t, std::string>, std::string> owners_;  // by generation and partition
};

}  // namespace millrace::swarm
