#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/tagged.hh"
#include "base/uuid.hh"

/// Which core owns a partition: a pure function of the topic's id, the partition and the number of
/// cores, with exceptions by the operator (`placement.override`). Data files know nothing of it: a
/// start with other cores places anew.

namespace millrace::broker {

class placement {
 public:
  /// On `cores` cores, at least one.
  explicit placement(unsigned cores);

  /// Keeps a partition on a core. False where there is no such core.
  bool set_override(std::string topic, int32_t partition, base::core_id core);

  /// The partitions of one topic go round the cores, from one that its id draws: as even as can be
  /// within a topic, and even over many topics of one partition.
  base::core_id owner_of(const base::uuid& topic, std::string_view name, int32_t partition) const;
  unsigned cores() const noexcept { return cores_; }

 private:
  unsigned cores_;
  std::map<std::string, std::map<int32_t, base::core_id>, std::less<>> overrides_;
};

}  // namespace millrace::broker
