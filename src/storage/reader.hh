#pragma once

#include <memory>
#include <vector>

#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"
#include "record/batch_view.hh"
#include "record/record_walker.hh"
#include "storage/log.hh"
#include "storage/types.hh"
#include "storage/verified_ranges.hh"

/// Reads of a core's logs that may have to wait for files. A task here names logs by id and looks them up again after
/// every wait; what it returns holds its own memory.

namespace millrace::storage {

class log_manager;
class read_ahead;

/// Whole batches, the first of which holds the wanted offset (or the next one that exists). In memory, or one range of a
/// file where the plan says that it will do.
struct read_result {
  std::vector<slice> slices;
  uint64_t bytes = 0;
  bool from_memory = false;  ///< of the tail: no file was asked
};

/// A record found by time; offset -1 where there is none.
struct timestamp_and_offset {
  base::unix_ms timestamp = -1;
  base::offset offset{-1};
};

class reader {
 public:
  /// `ahead_bytes_max`: memory of what is read before it is asked for (read_ahead.hh).
  reader(reactor::core& on, log_manager& manager, uint64_t ahead_bytes_max);
  ~reader();

  /// Executes a plan: from memory where it can, else from the file, every batch's CRC checked there. Errors: storage
  /// (damage or a failed read), closed (the log or its segment went away), no_memory.
  reactor::task<base::result<read_result>> read(log_id id, read_plan plan);
  /// First acknowledged record at or after log start with timestamp >= target (ListOffsets by time).
  reactor::task<base::result<timestamp_and_offset>> find_timestamp(log_id id, base::unix_ms target);
  /// First record with the largest timestamp (ListOffsets -3).
  reactor::task<base::result<timestamp_and_offset>> find_max_timestamp(log_id id);
  /// Opens a segment's file and completes its indexes; others may drop them again at any time. Errors as read().
  reactor::task<base::result<void>> load_segment(log_id id, base::offset segment_base) {
    return ready_file(id, segment_base);
  }
  /// What read() gave, in memory, as one range: its own where it is one, else copied to `joined`.
  static base::bytes in_one_piece(const read_result& got, std::vector<uint8_t>& joined);
  const read_ahead& ahead() const noexcept { return *ahead_; }
  /// Memory is short: gives back what nobody waits for.
  void drop_ahead();
  /// Segments of a log were replaced: nothing that was read ahead of it is used.
  void forget(log_id id);

 private:
  static constexpr uint64_t scan_bytes_max = 1u << 20;  ///< of one read by who looks for a record
  /// A stretch of a segment in one block of memory: bytes [begin, begin + size).
  struct stretch {
    reactor::chunk memory;
    uint64_t begin = 0;
    uint64_t size = 0;
    bool moved = false;  ///< memory and file changed places meanwhile: ask again
  };
  reactor::task<base::result<void>> ready_file(log_id id, base::offset segment_base);
  /// Which bytes of which segment: its number tells it from one that took its place.
  struct wanted_bytes {
    base::offset segment;
    uint64_t number;
    uint64_t begin;
    uint64_t end;
  };
  reactor::task<base::result<void>> ready_plan(log_id id, read_plan* plan);
  reactor::task<base::result<stretch>> load(log_id id, wanted_bytes want);
  reactor::task<base::result<stretch>> load_or_take(log_id id, wanted_bytes want, uint64_t least);
  bool may_splice(const read_plan& plan, const segment& s) const noexcept;
  bool range_follows(log_id id, const read_plan& plan, base::offset next);
  read_result range_of(segment& s, const verified_ranges::range& good);
  reactor::task<base::result<void>> ready_splice(log_id id, base::offset segment_base);
  reactor::task<base::result<read_result>> read_file(log_id id, read_plan plan);
  base::result<read_result> cut(log_id id, const read_plan& plan, const stretch& from, uint64_t begin, uint64_t end,
                                uint64_t* missing, base::offset* next, uint64_t* next_position);
  static uint64_t needed(base::bytes start);
  base::failure damage(log_id id, base::offset begin, base::offset limit, uint64_t position);
  base::failure unreadable(log_id id, base::error why);
  bool collect(log_id id, const read_plan& plan, read_result& out);
  reactor::task<base::result<segment*>> indexed_segment(log_id id, base::offset* base, base::unix_ms least);
  reactor::task<base::result<timestamp_and_offset>> scan(log_id id, base::offset from, base::unix_ms target);
  reactor::task<base::result<timestamp_and_offset>> find_in_batch(record::batch_view batch, base::offset from,
                                                                  base::unix_ms target, uint64_t unpacked_bytes_max);
  reactor::task<base::result<timestamp_and_offset>> newest_between(log_id id, base::offset from, base::offset limit);
  reactor::task<base::result<record::walk_summary>> walk(record::batch_view batch, record::walk_rules rules,
                                                         uint64_t unpacked_bytes_max);
  void close_some();

  reactor::core& core_;
  log_manager& manager_;
  std::unique_ptr<read_ahead> ahead_;
  base::instant last_sweep_{};
};

}  // namespace millrace::storage
