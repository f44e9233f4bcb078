#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/prng.hh"
#include "workload/client.hh"

/// An OffsetFetch of one group in any of its forms, for who asks what a group has committed.

namespace millrace::swarm {

struct asked_offset {
  topic_ref topic;
  int32_t partition = 0;
  int64_t floor = -1;  ///< what it must be at least; -1: nothing need be there

  committed_partition of() const { return {topic->partitions[static_cast<size_t>(partition)].name, topic->made}; }
};

struct told_offsets {
  int16_t code = 0;              ///< of the whole, or the first of one partition
  std::vector<int64_t> offsets;  ///< in the order in which they were asked for; -1: none
};

/// Asks for these, or for all that the group has. Nothing: the connection is of no use. What is named here stays until it
/// returns.
reactor::task<std::optional<told_offsets>> ask_offsets(client* link, const std::string* group,
                                                       const std::vector<asked_offset>* asked, base::prng* random);

}  // namespace millrace::swarm
