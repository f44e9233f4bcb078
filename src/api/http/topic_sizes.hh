#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/http/exchange.hh"

/// How large topics and their partitions are: asked of the cores that own them, a few hundred at a time. Bounded: the first
/// so many topics, by name, have a sum, and of these, as long as there is room, each partition has numbers of its own. How
/// many have not is counted.

namespace millrace::api::http {

struct partition_size {
  uint32_t topic = 0;  ///< its index among the topics
  int32_t partition = 0;
  int64_t log_start = 0;
  int64_t high_watermark = 0;
  uint64_t bytes = 0;
};

struct topic_size {
  std::string name;
  uint64_t partitions = 0;
  uint64_t bytes = 0;
  uint64_t offsets = 0;   ///< the high watermarks together: what was ever appended
  uint64_t retained = 0;  ///< of these, what is not below a log start
};

struct topic_sizes {
  std::vector<topic_size> topics;          ///< by name
  std::vector<partition_size> partitions;  ///< by topic and partition
  uint64_t topics_not_shown = 0;
  uint64_t partitions_not_shown = 0;
};

/// Fills `into`, which holds its memory in the request's name; what there is no memory for is not shown.
reactor::task<void> ask_topic_sizes(exchange* request, topic_sizes* into);

}  // namespace millrace::api::http
