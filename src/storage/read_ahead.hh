#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "reactor/core.hh"
#include "reactor/memory.hh"
#include "reactor/task.hh"
#include "reactor/wait.hh"
#include "storage/log.hh"
#include "storage/segment.hh"
#include "storage/types.hh"

/// What sequential readers are going to ask for. Who reads a closed segment and asks for what follows gets the next
/// stretches read while its answer is on its way: a disk gives its full speed only with 2 MiB and more in flight. Bounded,
/// and given back first where memory is short. What it read is checked by its reader like everything else.

namespace millrace::storage {

class log_manager;

class read_ahead {
 public:
  read_ahead(reactor::core& on, log_manager& manager, uint64_t bytes_max);
  ~read_ahead();

  /// Bytes [begin, end) of a segment; begin is a block's.
  struct stretch {
    reactor::chunk memory;
    uint64_t begin;
    uint64_t end;
  };
  /// A stretch with `begin` in it and at least `least` bytes from there on; waits for it where it is being read. None where
  /// it was not read ahead, or that failed: the caller reads, and hears why.
  reactor::task<std::optional<stretch>> take(log_id id, base::offset segment, uint64_t begin, uint64_t least);
  /// A plan was answered from a segment's file, up to before `next`, which is at `position`. Where this went on from an
  /// earlier answer and the segment is closed, the stretches behind are read.
  void note(log_id id, const read_plan& plan, base::offset next, uint64_t position);
  /// Where in a segment the batch at `wanted` begins, for who reads on there: an index knows only where one before it does.
  std::optional<uint64_t> begin_of(log_id id, base::offset segment, base::offset wanted) const;
  /// Gives back everything that nobody waits for.
  void drop();
  /// Segments of a log were replaced: what is known of places in them does not hold any more.
  void forget(log_id id);

  uint64_t bytes() const noexcept { return bytes_; }
  uint64_t used() const noexcept { return used_; }

 private:
  /// One stretch, read or being read.
  struct piece {
    log_id id;
    base::offset segment;
    uint64_t begin;
    uint64_t end;
    reactor::chunk memory;
    bool done = false;
    bool failed = false;  ///< or its segment was replaced
  };
  using piece_ref = std::shared_ptr<piece>;
  struct position {
    log_id id;
    base::offset segment;
    base::offset next;
    uint64_t at;
  };
  piece_ref find(log_id id, base::offset segment, uint64_t begin, uint64_t least) const;
  bool went_on(base::offset wanted, const position& now);
  void read_behind(const log& l, segment& s, uint64_t from, uint32_t bytes_max);
  piece_ref start(log_id id, const segment& s, uint64_t begin);
  reactor::task<void> fill(piece_ref p);
  void forget(const piece* p);
  bool make_room_beside(log_id id);

  reactor::core& core_;
  log_manager& manager_;
  const uint64_t bytes_max_;
  std::vector<piece_ref> pieces_;    ///< the oldest first
  std::vector<position> positions_;  ///< where readers stand, the one that moved last at the end
  reactor::wait_list arrived_;
  uint64_t bytes_ = 0;
  uint64_t used_ = 0;
};

}  // namespace millrace::storage
