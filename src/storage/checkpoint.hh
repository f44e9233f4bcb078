#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hh"
#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/file.hh"
#include "reactor/task.hh"
#include "storage/types.hh"

/// A core's checkpoint: for every log the end that its segment files hold durably, its log start, epochs and damage, and
/// where in the commit log what is newer begins. Two files, overwritten in turn by durable writes, numbered and
/// checksummed as a whole: a torn one leaves the other. FORMAT.md draws it and says what may be relied on.

namespace millrace::storage {

/// The `core` of the checkpoint that recovery writes for all of them.
inline constexpr uint32_t recovered_core = UINT32_MAX;

struct checkpoint {
  uint64_t number = 0;                 ///< grows by one per checkpoint of a core, across its life in a start
  base::leader_epoch start_number{0};  ///< of the node: of two checkpoints naming a log the one with the higher start wins
  uint32_t core = 0;
  bool clean = false;            ///< everything is in segments, indexes too; the commit log holds nothing newer
  uint64_t commit_log = 0;       ///< its id
  uint64_t next_record = 1;      ///< first record to redo: its number,
  uint64_t next_position = 0;    ///< its position in the commit log file,
  uint64_t previous_digest = 0;  ///< and the digest it names as the one before it
  std::vector<log_state> logs;
};

/// Whether `a` was written after `b`, of the same core or naming the same log.
inline bool is_newer(const checkpoint& a, const checkpoint& b) {
  if (a.start_number != b.start_number) return a.start_number > b.start_number;
  return a.number > b.number;
}

/// A checkpoint file larger than this is no checkpoint.
inline constexpr uint64_t checkpoint_bytes_max = uint64_t{1} << 30;

std::vector<uint8_t> encode_checkpoint(const checkpoint& c);
/// What follows the checkpoint in the file is ignored. Errors: truncated, corrupt (digest), foreign (magic or version),
/// malformed (well sealed, but no checkpoint).
base::result<checkpoint> decode_checkpoint(base::bytes file);

/// Reads one checkpoint file. Errors: not_found, those of decode_checkpoint, io.
reactor::task<base::result<checkpoint>> read_checkpoint(reactor::core& on, std::string path);

/// The newest valid of a core's two checkpoints.
struct newest_checkpoint {
  checkpoint content;
  unsigned slot = 0;
};
/// Errors: not_found (neither file exists or has bytes), corrupt (no file is valid and one is not empty), foreign, io.
reactor::task<base::result<newest_checkpoint>> read_newest_checkpoint(reactor::core& on, std::string data_dir,
                                                                      uint32_t core_index);

/// Writes a core's checkpoints.
class checkpoint_files {
 public:
  checkpoint_files(reactor::core& on, std::string data_dir, uint32_t core_index);
  /// Opens both files, made where missing, their names durable. The first write will go to the older one.
  reactor::task<base::result<void>> open();
  /// Durable when it returns. One at a time. A failed write leaves the other file's checkpoint, and the next write goes to
  /// the same file again.
  reactor::task<base::result<void>> write(std::vector<uint8_t> encoded);
  reactor::task<void> close();
  void abandon() noexcept;

 private:
  reactor::core& core_;
  std::string data_dir_;
  uint32_t core_index_;
  reactor::file files_[2];
  unsigned turn_ = 0;  ///< the file that the next write goes to
};

}  // namespace millrace::storage
