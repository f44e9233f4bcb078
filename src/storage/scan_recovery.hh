#pragma once

#include <string>

#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"
#include "storage/recovery.hh"

/// The way out when recover() refuses: checkpoints or commit logs are lost or damaged, and segments are all there is to go
/// by. Each log becomes what its segments prove: batches from its first segment on that follow each other and match their
/// CRCs (segment_check.hh). That is weaker than recover(), and is said for each log:
///
/// - what only a commit log held is lost, as is everything behind the first batch that does not count;
/// - the last batches may be ones that were never acknowledged;
/// - a log whose first segments are missing cannot be told from one that was deleted up to there.
///
/// Nothing is thrown away: what is cut off or left out stays in files called "….before-scan", which no start looks at.

namespace millrace::storage {

/// As recover(), and in its place: the boot goes on the same way. Takes log starts and the newest start number from those
/// checkpoints that can still be read. Changes nothing before all logs were read; may be interrupted and run again. A
/// directory whose last stop was clean loses nothing by it, but is better recovered by recover(). Errors, logged with the
/// path: foreign and malformed (a directory with segments and no usable partition.metadata), corrupt (two directories of one
/// log), no_space, no_memory, io.
reactor::task<base::result<recovered>> recover_by_scan(reactor::core& on, std::string data_dir);

}  // namespace millrace::storage
