#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/file.hh"
#include "reactor/memory.hh"
#include "reactor/task.hh"
#include "storage/commit_record.hh"
#include "storage/survey.hh"

/// One log while its commit log entries are redone: where it stands, and the bytes before that point that are not in its
/// segment's file yet. Used by recovery only.

namespace millrace::storage {

class redo_log {
 public:
  redo_log(reactor::core& on, std::string directory, surveyed_log from);
  redo_log(const redo_log&) = delete;
  redo_log& operator=(const redo_log&) = delete;

  const log_state& state() const noexcept { return state_; }
  const std::optional<uint32_t>& core() const noexcept { return core_; }
  /// Of memory held for bytes that wait for their file.
  size_t held() const noexcept { return memory_.size(); }
  bool touched() const noexcept { return touched_; }
  std::string log_path(base::offset segment) const;

  /// Whether the entry says anything that this log does not have yet.
  bool concerns(const record_entry& e) const noexcept { return e.next > state_.end.next || (protects_end(e) && !loaded_); }
  /// Whether the bytes that the entry says were written to the segment are there. Below the log's start nobody needs them,
  /// and the segment may be gone.
  reactor::task<base::result<bool>> direct_bytes_match(record_entry e);
  /// Makes the entry part of the log. `damaged`: its bytes are not what was acknowledged; its batches that do not
  /// verify become damage, and the log goes on behind them. Errors: corrupt (it does not continue the log), no_memory,
  /// no_space, io.
  reactor::task<base::result<void>> apply(record_entry e, base::bytes inline_bytes, bool damaged);
  /// Writes what is in memory to the file and gives the memory back, in the middle of a redo: what the file holds behind it
  /// in the last block stays, for it may be what a later entry says was written directly.
  reactor::task<base::result<void>> spill();
  /// The same where nothing of the segment comes any more: the last block is padded with zeros.
  reactor::task<base::result<void>> flush();
  /// The same at the end of recovery: after it the directory holds the log up to its end and nothing else.
  reactor::task<base::result<void>> finish();

  uint64_t bytes_redone() const noexcept { return bytes_redone_; }

 private:
  /// Whether the entry adds nothing and repeats the block that the log ends in, which may have been being written again.
  bool protects_end(const record_entry& e) const noexcept {
    return e.first == e.next && e.next == state_.end.next && e.segment == state_.end.segment && e.end == state_.end.position;
  }
  /// Batches among which something is damaged, by position in the current segment.
  struct damaged_bytes {
    uint64_t begin;
    uint64_t end;
    damaged_range offsets;
    base::leader_epoch epoch;
  };
  /// How a segment's file is opened.
  enum class want : uint8_t { existing, made };

  base::result<void> check_continues(const record_entry& e) const;
  base::result<bool> file_exists(base::offset segment) const;
  reactor::task<base::result<reactor::file>> open_segment(want how);
  reactor::task<base::result<void>> close(reactor::file f, base::result<void> outcome);
  reactor::task<base::result<void>> begin_segment(base::offset base);
  reactor::task<base::result<void>> seal();
  reactor::task<base::result<void>> apply_direct(record_entry e, bool damaged);
  reactor::task<base::result<void>> load_tail();
  reactor::task<base::result<void>> read_into_memory(reactor::file& f, uint64_t bytes);
  reactor::task<base::result<void>> complete_last_block();
  reactor::task<base::result<void>> add(base::bytes bytes);
  reactor::task<base::result<void>> make_room();
  reactor::task<base::result<void>> write_blocks(bool with_tail);
  reactor::task<base::result<void>> settle_damage();
  reactor::task<base::result<void>> settle_one(reactor::file& f, damaged_bytes d);
  reactor::task<base::result<std::optional<std::vector<damaged_range>>>> damaged_batches(reactor::file& f, damaged_bytes d);
  reactor::task<base::result<void>> frame(reactor::file& f, damaged_bytes d);
  void lose(damaged_range offsets);
  reactor::task<base::result<void>> remove_leftovers();
  void note_epoch(const record_entry& e);
  void note_damage(const record_entry& e, const log_point& before);

  reactor::core& core_on_;
  std::string directory_;  ///< full path
  log_state state_;
  std::optional<uint32_t> core_;
  bool segment_removed_;  ///< the current segment's file is gone, below the log's start
  bool touched_ = false;
  bool names_changed_ = false;
  uint64_t bytes_redone_ = 0;

  /// While loaded_: bytes [memory_begin_, memory_begin_ + used_) of the current segment, not in the file yet. memory_begin_
  /// is a multiple of 4 KiB, and the file holds everything before it. Otherwise it holds everything up to state_.end.
  bool loaded_ = false;
  uint64_t memory_begin_ = 0;
  size_t used_ = 0;
  reactor::chunk memory_;
  std::vector<damaged_bytes> damage_;
};

}  // namespace millrace::storage
