#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "load/protocol.hh"
#include "load/settings.hh"

/// What happens once, before a run, over blocking sockets: the topic is made, its leaders found,
/// its ends asked for.

namespace millrace::bench {

/// A connected TCP socket without Nagle's delay.
int connect_to(const address& where);

/// Where the leader of each partition listens.
using topic_leaders = std::vector<address>;

/// Creates the topic of `s` if it does not exist and waits until every partition has a leader that
/// answers for it (Kafka names leaders some time before they know of it). Ends the program where
/// that fails, also when the topic has another number of partitions.
topic_leaders prepare_topic(const settings& s);

/// Deletes the topic of `s`.
void delete_topic(const settings& s);

struct log_ends {
  int64_t begin;
  int64_t limit;  ///< the next offset
};
/// The ends of each partition's log, from its leader.
std::vector<log_ends> list_ends(const settings& s, const topic_leaders& leaders);

/// Which partitions a connection uses, all with the same leader.
struct lane {
  address leader;
  std::vector<int32_t> partitions;
  size_t next = 0;  ///< index of the first one used
};
/// Deals the partitions to `count` connections: each connection gets one broker, broker after
/// broker, and rotates over that broker's partitions beginning with its own number; a sticky one
/// keeps partition i mod P.
std::vector<lane> deal_lanes(const topic_leaders& leaders, uint32_t count, bool sticky);

}  // namespace millrace::bench
