#include <algorithm>

#include "storage/read_ahead.hh"
#include "workload/server_node.hh"

/// What a core of the broker holds, read from outside between turns.

namespace millrace::swarm {

namespace {

/// Indexes of closed segments that are being read stay beside the bound, and so does the one that was used last.
constexpr size_t indexes_in_use = size_t{256} << 10;

}  // namespace

memory_shares server_node::memory_of(unsigned core) const {
  reactor::memory& memory = node_.core(core).memory();
  storage::log_manager& logs = parts_->on(core).broker.logs();
  const size_t whole = world_.options().core_memory_bytes;
  const storage::read_ahead& ahead = logs.reader().ahead();
  memory_shares shares{{{"lent memory", memory.used(), whole},
                        {"tails of logs", logs.tails().bytes, whole},
                        {"indexes of closed segments", logs.indexes().bytes(), whole / 16 + indexes_in_use},
                        {"read-ahead", ahead.bytes(), std::min(whole / 16, size_t{32} << 20)},
                        {"small frames", 0, 0},
                        {"large frames", 0, 0},
                        {"the reserve of frames", 0, 0},
                        {"huge frames of all cores", 0, 0},
                        {"requests and answers", 0, 0},
                        {"fetch sessions", 0, 0},
                        {"http", 0, 0}}};
  if (http() && core == 0) shares[10] = {"http", http()->memory().used(), http()->memory().limit()};
  api::kafka::door* door = door_of(core);
  if (door == nullptr) return shares;
  const api::kafka::frame_room& frames = door->frames();
  shares[4].now = frames.small().used();
  shares[4].most = frames.small().limit();
  shares[5].now = frames.large().used();
  shares[5].most = frames.large().limit();
  shares[6].now = frames.reserve().used();
  shares[6].most = frames.reserve().limit();
  for (unsigned i = 0; i < cores(); ++i) shares[7].now += door_of(i) ? door_of(i)->frames().huge_bytes() : 0;
  shares[7].most = frames.huge().bytes();
  shares[8].now = door->held().now().own;
  // No connection is read any more above a quarter.
  shares[8].most = whole / 4;
  shares[9].now = door->sessions().bytes();
  shares[9].most = door->sessions().most().bytes;
  return shares;
}

}  // namespace millrace::swarm
