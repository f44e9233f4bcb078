#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "checkers/commits_kept.hh"
#include "checkers/generations_rise.hh"
#include "checkers/groups_settle.hh"
#include "checkers/one_owner.hh"

/// What the members of one consumer group know together.

namespace millrace::swarm {

struct group_model {
  std::string name;
  one_owner owners;
  generations_rise generations;
  commits_kept commits;
  groups_settle standing;

  /// A leader sends an assignment of these, ascending. Whether it arrives nobody knows.
  void deal(int32_t generation, const std::vector<std::string>& partitions) {
    const auto [at, fresh] = dealt_.try_emplace(generation, partitions);
    if (!fresh && at->second != partitions) at->second.reset();
  }
  /// What is assigned in the generation if anything is; null where leaders sent different things.
  const std::vector<std::string>* dealt(int32_t generation) const {
    const auto at = dealt_.find(generation);
    return at == dealt_.end() || !at->second ? nullptr : &*at->second;
  }

 private:
  std::map<int32_t, std::optional<std::vector<std::string>>> dealt_;
};

}  // namespace millrace::swarm
