#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/result.hh"
#include "reactor/task.hh"
#include "storage/compaction_mark.hh"
#include "storage/key_map.hh"
#include "storage/types.hh"
#include "storage/work_pace.hh"

/// Compaction of a log by key, by Kafka's rules (design.md 2; KIP-534 for tombstones): of the records with one key the last
/// one stays, at its offset. A pass learns the newest offsets of the keys of what is dirty, as far as its memory goes, then
/// rewrites all closed segments up to there, a group at a time, and puts each new file in their place (segment_swap.hh).
///
/// What stays besides the last record of each key: a tombstone until delete.retention.ms after the pass that removed what
/// it deletes; the last batch of each file, empty where nothing of it is left, so that segments follow each other without a
/// gap; batches of which no record can be read. One pass at a time on a core. Says what may be compacted; who decides when
/// is broker/partition/compaction_keeper.

namespace millrace::storage {

class compacted_segment;
class log;
class log_manager;
class segment;

struct compaction_options {
  uint64_t map_bytes_max = UINT64_MAX;  ///< of key_map; never more than a 16th of the core's memory, and 64 MiB
  pace_options pace{};
};

/// What a pass over a log would find.
struct compaction_candidate {
  double dirty_ratio = 0;  ///< dirty bytes of all that may be compacted
  bool overdue = false;    ///< a dirty record is older than max.compaction.lag.ms
  uint64_t dirty_bytes = 0;
};

struct compaction_outcome {
  uint64_t bytes_before = 0;
  uint64_t bytes_after = 0;
  base::offset clean_to{0};
};

/// Of passes that came through.
struct compaction_counters {
  uint64_t passes = 0;
  uint64_t bytes_before = 0;
  uint64_t bytes_after = 0;
};

class compaction {
 public:
  compaction(log_manager& manager, const compaction_options& options);
  ~compaction();

  /// No pass begins any more, and one that is under way ends soon, with closed.
  void stop() noexcept { stopped_ = true; }
  const bool& stopped() const noexcept { return stopped_; }
  /// None where nothing may be compacted. Errors: closed, storage, no_memory, io.
  reactor::task<base::result<std::optional<compaction_candidate>>> look(log_id id);
  /// One pass. Errors beside: no_space; what was compacted by then stays compacted.
  reactor::task<base::result<compaction_outcome>> run(log_id id);
  const compaction_counters& counters() const noexcept { return counters_; }

 private:
  friend class compaction_pass;
  /// Dirty offsets [from, limit) that may be compacted; equal where there are none.
  struct range {
    base::offset from;
    base::offset limit;
    bool overdue = false;
  };
  reactor::task<base::result<range>> dirty_range(log_id id);
  void seal_overdue(log& l);
  reactor::task<base::result<base::offset>> limit_by_age(log_id id, base::offset from, base::offset limit);
  reactor::task<base::result<bool>> is_overdue(log_id id, base::offset from, base::offset limit);
  reactor::task<base::result<void>> learn_mark(log_id id);

  log_manager& manager_;
  const compaction_options options_;
  bool stopped_ = false;
  compaction_counters counters_;
};

}  // namespace millrace::storage
