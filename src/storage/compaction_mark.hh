#pragma once

#include <string>

#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"
#include "storage/types.hh"

/// How far a log is compacted: a state file in its directory (layout::compaction_mark_file). A log without one was never
/// compacted; one that is older than the log's segments costs a pass that need not have been.

namespace millrace::storage {

struct compaction_mark {
  /// Of the keys of records below it the log holds the last record alone. Kafka: the cleaner checkpoint.
  base::offset clean_to{0};
  /// Offsets may be missing below it, and nowhere else.
  base::offset gaps_to{0};
  friend bool operator==(const compaction_mark&, const compaction_mark&) = default;
};

/// All zero where there is none. Errors, logged with the path: corrupt, foreign, truncated, io.
reactor::task<base::result<compaction_mark>> read_compaction_mark(reactor::core& on, std::string log_directory);
/// Durable when it returns. Errors: no_space, io.
reactor::task<base::result<void>> write_compaction_mark(reactor::core& on, std::string log_directory, compaction_mark mark);

}  // namespace millrace::storage
