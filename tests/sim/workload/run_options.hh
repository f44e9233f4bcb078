#pragma once

#include <cstdint>
#include <string>

#include "base/prng.hh"
#include "sim/world.hh"
#include "workload/server_node.hh"

/// What a seed draws before anything runs: the broker's configuration, the size and mix of the
/// workload, and which kinds of operation and of fault are in it at all. Whole kinds are off in
/// many runs, so that rare combinations are met.

namespace millrace::swarm {

struct fault_options {
  bool power_cuts = false;
  bool aimed_cuts = false;  ///< of these, most come while a drawn kind of disk operation is carried out
  bool kills = false;
  bool stops = false;
  bool resets = false;
  bool partitions = false;
  bool slow_disk = false;
  bool disk_full = false;
  bool pauses = false;
  bool wall_jumps = false;
  bool io_errors = false;
  bool damage = false;        ///< once, of one batch in a closed segment, while the broker is down
  bool half_open = false;     ///< connections that nothing gets through any more, and nobody is told
  base::duration gap_most{};  ///< between two faults

  bool restarts() const { return power_cuts || kills || stops; }
  bool any() const {
    return restarts() || resets || partitions || slow_disk || disk_full || pauses || wall_jumps || io_errors || half_open;
  }
};

/// Consumer groups, of which each has all topics.
struct group_workload {
  unsigned count = 0;
  unsigned members_most = 1;
  base::duration lasts{};       ///< before that peace does not come by itself
  base::duration think_most{};  ///< between two requests of a member
  base::duration session_most{};
  base::duration rebalance_most{};
  double static_members = 0;  ///< chance that one is
  double restless = 0;        ///< chance that one leaves, vanishes or says something else, at each step
};

/// When and how topics' bytes go to the disk; drawn for each topic when it is made.
struct flush_policy {
  double from_memory = 0;  ///< chance of millrace.ack=memory, where it is not compacted
  double preallocate = 0;
};

/// Topics with keys that are compacted.
struct compaction_workload {
  double topics = 0;  ///< chance that one is; 0: none
  uint64_t keys = 1;
  double tombstones = 0;             ///< chance that a record is one
  base::duration segment_ms_most{};  ///< segments end by time: small ones
  bool on() const { return topics > 0; }
};

struct run_options {
  unsigned cores_most = 1;
  server_options server;
  unsigned producers = 1;
  unsigned consumers = 1;
  unsigned session_consumers = 0;  ///< who fetch within sessions
  unsigned topics = 1;
  int32_t partitions_most = 1;
  uint32_t segment_bytes = 1u << 20;
  unsigned requests = 0;   ///< of each producer
  unsigned in_flight = 1;  ///< of a producer's connection
  unsigned crowd = 1;      ///< fetches that a consumer leaves waiting at once, now and then
  size_t value_most = 0;   ///< bytes of a record
  double big = 0;          ///< chance of a batch of up to big_most bytes
  size_t big_most = 0;
  size_t even = 0;  ///< bytes of every batch, in whole blocks: what an old file holds may fit; 0: any
  base::duration think_most{};
  bool codecs = false;
  bool unacknowledged = false;  ///< acks=0 too
  bool retries = false;
  bool idempotent = false;  ///< some producers number their batches
  bool deletes = false;     ///< records are deleted
  bool retention = false;   ///< topics are made, and altered, to keep a time or a size only
  bool remakes = false;     ///< topics are deleted and made again
  double remake = 0.2;      ///< chance of that each time somebody looks
  compaction_workload compaction;
  flush_policy flush;
  group_workload groups;
  fault_options faults;
  base::duration faults_last = base::seconds(20);  ///< peace comes then at the latest
  /// For the test of shrinking: a kill is called a failure once something was acknowledged.
  bool planted = false;
  sim::world_options world;

  /// So little that a request may find none for a while.
  bool tight_memory() const { return world.core_memory_bytes <= size_t{16} << 20; }
};

run_options draw_options(uint64_t seed);
/// One line for the log.
std::string describe(const run_options& o);

}  // namespace millrace::swarm
