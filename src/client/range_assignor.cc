#include "client/range_assignor.hh"

#include <algorithm>

namespace millrace::client {

std::vector<group_share> assign_ranges(std::vector<group_subscription> members,
                                       const std::map<std::string, int32_t>& partitions) {
  std::ranges::sort(members, {}, &group_subscription::member);
  std::vector<group_share> shares;
  for (const group_subscription& m : members) shares.push_back({.member = m.member, .partitions = {}});
  for (const auto& [topic, count] : partitions) {
    std::vector<size_t> wanting;
    for (size_t i = 0; i < members.size(); ++i) {
      if (std::ranges::find(members[i].topics, topic) != members[i].topics.end()) wanting.push_back(i);
    }
    if (wanting.empty()) continue;
    const auto takers = static_cast<int32_t>(wanting.size());
    int32_t next = 0;
    for (int32_t i = 0; i < takers; ++i) {
      const int32_t size = count / takers + (i < count % takers ? 1 : 0);
      for (int32_t p = 0; p < size; ++p) shares[wanting[static_cast<size_t>(i)]].partitions[topic].push_back(next++);
    }
  }
  return shares;
}

}  // namespace millrace::client
