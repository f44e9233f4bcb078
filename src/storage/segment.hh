#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/intrusive_list.hh"
#include "base/result.hh"
#include "reactor/file.hh"
#include "reactor/wait.hh"
#include "storage/index_cache.hh"
#include "storage/offset_index.hh"
#include "storage/segment_pool.hh"
#include "storage/time_index.hh"
#include "storage/types.hh"
#include "storage/verified_ranges.hh"

/// One segment: a range of a log in a `.log` file with its two indexes. The owner (log) decides what goes where;
/// the segment knows its files. Lives on the log's core.
///
/// Life: active (the last of its log, in memory and growing) -> sealed (its size is final, bytes may still be only
/// in memory and commit log) -> closed (all bytes durable in the file, file cut to its size, indexes written).

namespace millrace::storage {

enum class segment_state : uint8_t { active, sealed, closed };

class segment : public base::list_hook<index_age_tag> {
 public:
  /// `directory`: full path. A segment that exists on disk starts with its `size`; a new one with 0 and no file.
  segment(reactor::core& on, std::string directory, base::offset base, const log_config& config);
  ~segment();
  segment(const segment&) = delete;
  segment& operator=(const segment&) = delete;

  base::offset base() const noexcept { return base_; }
  std::string log_path() const;
  std::string index_path() const;
  std::string time_index_path() const;
  const std::string& directory() const noexcept { return directory_; }
  /// Its file comes from this pool, where that has one: it is expected to grow large.
  void draw_from(segment_pool* pool) noexcept { pool_ = pool; }
  /// Counts its file there while it is open, once for each way in which it is.
  void count_open(uint64_t* open_files) noexcept { open_files_ = open_files; }

  segment_state state = segment_state::active;
  uint64_t size = 0;         ///< bytes of batches appended, durable or not
  uint64_t allocated = 0;    ///< bytes of the file that exist with their size set; writes stay below
  bool from_before = false;  ///< its file is an earlier process's, or was in the pool, and was not opened yet
  uint64_t issued = 0;       ///< destager: whole blocks below it are in the file or being written there
  uint64_t written = 0;      ///< destager: whole blocks below it are in the file, durable
  struct pending_write {
    uint64_t end;
    bool done;
  };
  std::vector<pending_write> pending_writes;  ///< between written and issued, in order

  uint64_t tail_written = 0;  ///< destager: bytes below it are in the file or being written, its padded last block included
  uint32_t tail_block_writes = 0;  ///< destager: padded blocks in flight; nothing else may be written there
  uint32_t readers = 0;            ///< tasks that use the file: it is not closed under them, nor the segment removed
  bool closing = false;            ///< sealed, all of it written, about to be closed: its file grows no more
  base::instant last_read{};       ///< when the file was opened or read last

  /// The block at protect_from holds checkpointed bytes on disk, followed by zeros: the next commit group with bytes of
  /// this segment repeats the block from its start, and nothing writes it again before group `guard` is complete.
  static constexpr uint64_t no_protection = UINT64_MAX;
  uint64_t protect_from = no_protection;
  uint64_t guard = 0;
  /// Whether the block at `issued` may be written, where commit groups up to `completed` are complete.
  bool may_write_at_end(uint64_t completed) const noexcept {
    return protect_from == no_protection && completed >= guard && tail_block_writes == 0;
  }
  base::unix_ms first_timestamp = -1;  ///< largest timestamp of the first batch: segment.ms counts from it
  base::unix_ms created_at = 0;

  uint64_t number = 0;    ///< no other segment of this core has had it
  bool replaced = false;  ///< its name is another one's, or about to be: only what is open of it may be read

  verified_ranges verified;  ///< closed: what may be sent from the file without being read
  bool spliced = false;      ///< sockets may still hold its cached pages: nobody writes this file again

  offset_index offsets;
  time_index times;
  /// False after a restart until load_indexes(): entries of later appends are kept, those before are on disk or to
  /// be rebuilt from the file.
  bool indexes_complete = true;
  uint64_t indexes_from = 0;            ///< position where this process began to append: what lies before is not in memory
  base::offset indexes_from_offset{0};  ///< offset of the batch there

  /// Whether one of the index files would grow over the configured size. What is not loaded counts as the most that it can
  /// be.
  bool indexes_full() const noexcept;
  index_cache* cached_in = nullptr;  ///< the cache that counts its indexes, and how many bytes
  uint64_t cached_bytes = 0;
  /// Whether `times` knows the largest timestamp and its offset: they stay when the entries are dropped.
  bool largest_known() const noexcept { return indexes_complete || were_loaded_; }
  uint64_t index_memory() const noexcept;
  /// Gives back the memory of a closed segment's indexes; load_indexes() brings them again.
  void drop_indexes();

  /// Notes a batch for the indexes: at most one entry per index_interval_bytes, before it is appended.
  void note_batch(uint64_t position, uint32_t bytes, base::offset last, base::unix_ms max_timestamp);

  /// Opens the file (made or taken from the pool where missing, name durable) for O_DIRECT; keeps it open. `allocated` is
  /// then what the file has in whole blocks, where it was less; of a file from before, or from the pool, what was written to
  /// it: behind them a crash may have left holes below its size, and they must not be found by a write. Errors: no_space,
  /// io.
  reactor::task<base::result<void>> open_for_write();
  /// Makes allocated >= upto, growing ahead of it in steps of 64 KiB, 1, 16, 64 MiB (or at once, where the topic
  /// preallocates), but not ahead of the configured segment size; where the file system is too full for the step, by what is
  /// asked for alone. One at a time, on a file that is open for writing. Errors: no_space, io.
  reactor::task<base::result<void>> allocate(uint64_t upto);
  /// Opens for reading (shares the write handle where there is one). Errors: not_found, io.
  reactor::task<base::result<void>> open_for_read();
  /// Opens the file of a closed segment a second time, through the page cache, as sends from a file need it; closed with
  /// the first. Errors: not_found, io.
  reactor::task<base::result<void>> open_for_splice();
  /// -1 where it is not open.
  int splice_handle() const noexcept { return splice_file_.handle(); }
  bool is_open() const noexcept { return file_.is_open(); }
  int handle() const noexcept { return file_.handle(); }
  reactor::file& file() noexcept { return file_; }
  /// Cuts the file to `size`, writes both indexes, syncs all three and their names: closed. All bytes are in the file by
  /// then. The indexes are complete. Errors: no_space, io.
  reactor::task<base::result<void>> close_cleanly();
  /// The same for a log that stops cleanly, without ending the segment's life as the active one: `allocated` goes down.
  reactor::task<base::result<void>> park();
  /// Cuts the file to `size` without its indexes: they are rebuilt when they are asked for.
  reactor::task<base::result<void>> cut();
  reactor::task<void> close_file();
  /// Reads the timestamp that segment.ms counts from, where it is not known yet; the file is open. Errors: no_memory, io.
  reactor::task<base::result<void>> learn_first_timestamp();
  /// One task loads, others wait for it. Reads the index files of a segment, or rebuilds them from its batches [0,
  /// valid_bytes) where they are missing, not well-formed, or `trust` is false (the active segment after an unclean stop).
  /// Afterwards indexes_complete, and no file comes under the index files' names any more. The indexes of a closed segment
  /// that were rebuilt are written. Errors: corrupt (the batches do not follow each other; logged with the path; the indexes
  /// are complete all the same, and know what lies before), no_memory, io.
  reactor::task<base::result<void>> load_indexes(uint64_t valid_bytes, bool trust);
  void abandon() noexcept;

 private:
  reactor::task<base::result<void>> open_file(bool make);
  reactor::task<base::result<reactor::file>> open_or_make(uint32_t flags, bool make);
  reactor::task<base::result<void>> forget_name();
  reactor::task<base::result<reactor::file>> take_or_make(uint32_t flags);
  reactor::task<base::result<reactor::file>> make_file(uint32_t flags);
  reactor::task<base::result<void>> blank(reactor::file& recycled);
  reactor::task<base::result<void>> finish_file();
  reactor::task<base::result<void>> write_indexes();
  reactor::task<base::result<void>> load_indexes_alone(uint64_t valid_bytes, bool trust);
  reactor::task<base::result<void>> read_indexes(uint64_t valid_bytes);
  reactor::task<base::result<void>> rebuild_indexes(uint64_t valid_bytes);
  reactor::task<base::result<void>> scan_batches(reactor::file& from, uint64_t valid_bytes);
  reactor::task<base::result<void>> read_first_timestamp(reactor::file& from);
  /// Offsets of what is loaded are below it.
  base::offset offset_limit() const;
  /// Puts what was loaded before what was noted since.
  void take_earlier(const offset_index& earlier_offsets, const time_index& earlier_times);
  void count_closed() noexcept;
  uint64_t next_allocation(uint64_t upto) const;

  reactor::core& core_;
  std::string directory_;
  base::offset base_;
  const log_config& config_;
  segment_pool* pool_ = nullptr;
  reactor::file file_;
  reactor::file splice_file_;
  bool writable_ = false;       ///< file_ was opened for writing
  bool name_in_doubt_ = false;  ///< the file was made, and its name may not be durable
  uint64_t bytes_since_entry_ = 0;
  bool opening_ = false;
  bool loading_ = false;
  bool were_loaded_ = false;  ///< the indexes were complete once
  uint64_t* open_files_ = nullptr;
  reactor::wait_list opened_;
  reactor::wait_list loaded_;
};

}  // namespace millrace::storage
