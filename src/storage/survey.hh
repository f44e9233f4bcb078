#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"
#include "storage/checkpoint.hh"
#include "storage/types.hh"

/// What checkpoints and directories say before any commit log is read: which logs there are, from which point each is to be
/// redone, and by which commit log. Recovery's first step; it changes nothing on disk.

namespace millrace::storage {

struct surveyed_log {
  log_state state;
  /// The core whose checkpoint names it: only that core's commit log goes on with it. None: no checkpoint names it (any
  /// commit log may), or the one that an earlier recovery left does.
  std::optional<uint32_t> core;
  /// The file of state.end's segment is gone, with everything in it below the log's start.
  bool removed_segment = false;
};

struct survey {
  std::map<log_id, surveyed_log> logs;
  std::vector<checkpoint> to_redo;  ///< of cores whose commit logs go on behind them, without their logs
  bool any_checkpoint = false;
  bool clean = true;                   ///< every checkpoint that counts is
  base::leader_epoch start_number{0};  ///< the newest of any checkpoint
  std::vector<uint32_t> cores;         ///< that have files in commit/
  std::vector<std::string> deleted;    ///< directories of deleted logs, names under the data directory
};

/// Errors, logged with the path: corrupt (a checkpoint, commit log, directory or segment is missing or damaged), foreign,
/// io.
reactor::task<base::result<survey>> take_survey(reactor::core& on, std::string data_dir);

}  // namespace millrace::storage
