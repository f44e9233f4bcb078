#pragma once

#include <string>
#include <vector>

#include "base/result.hh"
#include "base/tagged.hh"
#include "reactor/core.hh"
#include "reactor/scope.hh"
#include "reactor/task.hh"
#include "storage/types.hh"

/// What a data directory holds, found before anything is served. Runs on one core, for all logs, whatever the number
/// of cores that wrote them.
///
/// A start: claim() the directory; recover(); raise_start_number(); log_manager::start() on every core with its share of the
/// logs; retire(); then serve. Any of it may be cut short and begun anew.

namespace millrace::storage {

struct recovered {
  std::vector<log_state> logs;         ///< each at the point up to which its bytes are in segments, durable; ascending by id
  bool clean = true;                   ///< the last stop was clean: no data was read, and active segments have their indexes
  base::leader_epoch start_number{0};  ///< the newest start number that any checkpoint names
  uint64_t records = 0;                ///< commit log records redone
  uint64_t bytes = 0;                  ///< bytes redone into segments
  uint64_t cut_groups = 0;             ///< incomplete groups at the ends of commit logs, never acknowledged
  std::vector<std::string> superseded;  ///< files that retire() looks at once every core's new checkpoint is durable
  std::vector<std::string> deleted;     ///< directories of deleted logs, for remove_deleted(): names under data_dir
};

/// Reads every checkpoint and commit log under `data_dir` and redoes into segments what only commit logs hold; then writes
/// one checkpoint of its own for all logs, commit/recovered, which stands until every core has a new one. Errors, logged
/// with the path: corrupt, foreign, no_space, no_memory, io. Safe to be interrupted and run again. `memory_max`: bytes
/// redone that wait in memory for their files, at most a quarter of the core's memory.
reactor::task<base::result<recovered>> recover(reactor::core& on, std::string data_dir, size_t memory_max = 64u << 20);

/// Removes what the new checkpoints supersede: files of cores that are no more, and commit/recovered. Call after every
/// log_manager::start() returned and before a log is deleted. Errors: io; corrupt where a checkpoint cannot be read.
reactor::task<base::result<void>> retire(reactor::core& on, std::string data_dir, std::vector<std::string> files);

/// Removes directories of deleted logs with their files; for the background, after retire(). What cannot be removed is
/// logged and left for the next start; so is the rest once `in` is closing.
reactor::task<void> remove_deleted(reactor::core& on, std::string data_dir, std::vector<std::string> directories,
                                   const reactor::scope* in = nullptr);

}  // namespace millrace::storage
