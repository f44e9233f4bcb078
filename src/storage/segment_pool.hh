#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/limits.hh"
#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"

/// Segment files between two owners. A file whose bytes no checkpoint needs any more is not unlinked but renamed into
/// DATA/pool/, and from there to the name of a segment that is expected to grow large: its blocks are written already,
/// and writes to such blocks are the fast ones. One per core, on that core.
///
/// A file is offered only when its new name in the pool is durable, and handed over only when its name at the new owner is.
/// Its bytes stay what they were; nothing takes them for data, since a log ends where checkpoint and commit log say.

namespace millrace::storage {

struct pool_options {
  uint64_t bytes_max = base::gib;         ///< of all files of one core; 0: no pool
  uint64_t file_bytes_least = base::mib;  ///< smaller files are unlinked, so that small partitions stay small
};

class segment_pool {
 public:
  segment_pool(reactor::core& on, std::string data_dir, pool_options options);

  /// Takes over what a directory of an earlier process holds for this core: its own files, and its share of those of cores
  /// that are no more. What is over the bound is left for remove_surplus(). Errors: io.
  base::result<void> open();
  /// Unlinks what open() found too much.
  reactor::task<void> remove_surplus();

  /// Whether segments of this size are the pool's: they draw from it, and their files enter it.
  bool is_for(uint64_t bytes) const noexcept { return options_.bytes_max > 0 && bytes >= options_.file_bytes_least; }
  struct pooled_file {
    std::string path;  ///< whole
    uint64_t bytes;
  };
  /// Takes files that nobody has open, out of one `directory`. What needed them is durably gone. The paths of those that are
  /// still there under their names: they are too small, the pool is full, or renaming failed.
  reactor::task<std::vector<std::string>> put(std::vector<pooled_file> files, std::string directory);
  /// Gives a file of at most `bytes_max` the name `path` in `directory`, durable. False where the pool has none. Errors: io
  /// (the name is there, and nobody knows for how long).
  reactor::task<base::result<bool>> take(std::string path, std::string directory, uint64_t bytes_max);
  /// Unlinks everything: the file system is full.
  reactor::task<void> give_up();

  size_t files() const noexcept { return files_.size(); }
  uint64_t bytes() const noexcept { return bytes_; }  ///< of files(), and of those about to enter
  uint64_t taken() const noexcept { return taken_; }  ///< files handed to segments so far

 private:
  reactor::task<base::result<void>> sync_names(std::string directory);
  reactor::task<void> unlink(std::string path);

  reactor::core& core_;
  const std::string data_dir_;
  const std::string directory_;
  const pool_options options_;
  std::vector<pooled_file> files_;  ///< by size
  std::vector<std::string> surplus_;
  uint64_t bytes_ = 0;
  uint64_t taken_ = 0;
  uint64_t next_number_ = 1;
};

}  // namespace millrace::storage
