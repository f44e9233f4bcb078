#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

/// Kafka's range assignor: of each topic every subscribed member gets one run of partitions, in the order of the members'
/// ids, the first ones one more where they do not divide. All members of a group must come to the same.

namespace millrace::client {

struct group_subscription {
  std::string member;
  std::vector<std::string> topics;
};
/// What one member gets: its partitions by topic.
struct group_share {
  std::string member;
  std::map<std::string, std::vector<int32_t>> partitions;
};

/// `partitions`: how many each topic has; those that are not there are shared out to nobody. In the order of ids.
std::vector<group_share> assign_ranges(std::vector<group_subscription> members,
                                       const std::map<std::string, int32_t>& partitions);

}  // namespace millrace::client
