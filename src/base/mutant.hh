#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Planted bugs, to see that the simulator's checkers see (scripts/mutants). Where one is planted, its line asks
/// mutated(). In a build without -Dmutants=true that is false when it is compiled, and nothing of a bug is in the program.

namespace millrace::base {

enum class mutant : uint8_t {
  none,
  acknowledge_before_written,    ///< answers leave when the commit record's write is submitted
  free_before_flushed,           ///< commit log space is free before the last block of a segment is flushed
  rewrite_unprotected_tail,      ///< a block with checkpointed bytes is written again, and no record repeats it
  leftovers_as_data,             ///< recovery takes an earlier commit log's record for the next, where its number fits
  skip_digest_check,             ///< recovery takes entries whose bytes do not match
  accept_leftover_batch,         ///< recovery goes on behind a log's end in its segment while batches fit
  pass_gap_in_groups,            ///< a group is acknowledged though one before it is not complete
  file_leaves_before_log_start,  ///< a segment's file leaves before the log start above it is durable
  write_before_rename_durable,   ///< a recycled file is written before its new name is durable
  replay_own_commit_log_only,    ///< recovery reads the commit log of its own core alone
  reuse_offset,                  ///< the first batch after a recovery gets the last offset before it
  reply_out_of_order,            ///< an answer that is ready leaves before those that were asked for earlier
  forget_pinned_buffer,          ///< memory is given back while a send still reads it
  skip_duplicate_check,          ///< an idempotent producer's repeat is appended once more
  two_owners,                    ///< SyncGroup answers a member with what the leader was assigned
  move_offset_back,              ///< of a partition's commits in the log the oldest is taken over at a start
  commit_before_durable,         ///< OffsetCommit is answered, and seen, when it is appended
  compact_newest_away,           ///< compaction drops the last record of a key with the others
  compact_tombstones_at_once,    ///< compaction drops tombstones at the first pass over them
  swap_before_synced             ///< a compacted segment takes its place before its bytes are durable
};

#ifdef MILLRACE_MUTANTS

/// Whether `m` is the bug that this process was started with.
bool mutated(mutant m) noexcept;
/// Chooses the bug of this process, before anything else runs. Returns why not, with the names that there are, or nothing.
std::string choose_mutant(std::string_view name);

#else

constexpr bool mutated(mutant) noexcept { return false; }
inline std::string choose_mutant(std::string_view) { return "no mutants in this build: meson setup -Dmutants=true"; }

#endif

}  // namespace millrace::base
