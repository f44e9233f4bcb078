#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hh"
#include "reactor/bell.hh"
#include "reactor/core.hh"
#include "reactor/scope.hh"
#include "reactor/wait.hh"
#include "storage/cold_reads.hh"
#include "storage/commit_log.hh"
#include "storage/compaction.hh"
#include "storage/destager.hh"
#include "storage/log.hh"
#include "storage/reader.hh"
#include "storage/retention.hh"
#include "storage/segment_pool.hh"
#include "storage/segment_write.hh"
#include "storage/types.hh"

/// All logs of one core, with what they share: the commit log, the destager, the checkpoint, the tails' memory. Made,
/// used and destroyed on that core.

namespace millrace::storage {

struct storage_options {
  std::string data_dir;
  commit_log_options commits;
  pool_options pool{};
  /// Memory of the indexes of closed segments, beside the core's own. 0: a sixteenth of that.
  uint64_t index_bytes_max = 0;
  /// Memory of what sequential readers are going to ask for. 0: a sixteenth of the core's, at most 32 MiB.
  uint64_t read_ahead_bytes_max = 0;
  /// Segment files that are open; those in use stay so.
  uint64_t open_files_max = UINT64_MAX;
  bool splice_reads = false;  ///< what was verified of a closed segment is answered as a range of its file
  compaction_options compact{};
};

/// Numbers for metrics and tests.
struct storage_counters {
  uint64_t groups = 0;
  uint64_t group_logs = 0;
  uint64_t group_bytes = 0;   ///< of records
  uint64_t direct_bytes = 0;  ///< of direct segment writes
  uint64_t checkpoints = 0;
  uint64_t rolls = 0;
  uint64_t busy = 0;           ///< appends that were told to wait
  uint64_t writing_bytes = 0;  ///< of segment writes in flight, right now
  uint64_t pinned_bytes = 0;   ///< of tails that left and that reads still hold: the memory of slow readers, right now
  uint64_t pool_files = 0;     ///< in the segment pool now
  uint64_t pool_bytes = 0;
  uint64_t pool_taken = 0;   ///< files that segments took from it
  uint64_t index_bytes = 0;  ///< of indexes of closed segments in memory
  uint64_t open_files = 0;   ///< of segments
  uint64_t ahead_bytes = 0;  ///< read from segments before they were asked for, in memory now
  uint64_t ahead_used = 0;   ///< stretches of them that readers used
  uint64_t cold_bytes = 0;   ///< of reads from segments in flight, right now
  uint64_t cold_waits = 0;   ///< of these reads, those that had to wait for others
  uint64_t tail_bytes = 0;   ///< of tails in memory now
  uint64_t tail_bytes_max = 0;
  uint64_t segments_trimmed = 0;  ///< that left below a log start
};

/// A log that is to start further on.
struct new_log_start {
  log_id id;
  base::offset start;
};

/// A log to make.
struct new_log {
  log_id id;
  std::string directory;  ///< its name under the data directory
  log_config config;
};

class log_manager {
 public:
  log_manager(reactor::core& on, storage_options options);
  ~log_manager();
  log_manager(const log_manager&) = delete;
  log_manager& operator=(const log_manager&) = delete;

  // ---- life

  /// Takes over recovered logs of this core with their topics' settings: opens a new commit log and writes the first
  /// checkpoint, which strikes out a clean mark. Nothing is appended before it returned. `clean`: the last stop was, so
  /// index files on disk are whole.
  struct taken {
    log_state state;
    log_config config;
  };
  reactor::task<base::result<void>> start(std::vector<taken> logs, base::leader_epoch start_number, bool clean);
  /// Destages and parks everything, writes a clean checkpoint, closes all files. Appends and reads of files are refused
  /// from here on; who waits in other calls has to end first. Errors: storage, no_space, io where something could not be
  /// brought into its segments; the commit log holds it, and the next start is not a clean one.
  reactor::task<base::result<void>> stop();
  /// Forgets everything in place, frames included: the world's crash.
  void abandon() noexcept;

  /// Makes logs with their directories; the names are durable when it returns. A directory that is there already (left by
  /// a crash between the catalog's write and this) is used when it is empty. Errors: exists, no_space, io.
  reactor::task<base::result<void>> create(std::vector<new_log> logs);
  /// Ends logs: no append or new read from here on; their directories are renamed out of the way (durable when it returns)
  /// and removed in the background, a file that is being sent from when that ends. One that fails is tried again each
  /// second, whether or not somebody asks. Errors: no_space, io: of the first that failed; the others are gone.
  reactor::task<base::result<void>> remove(std::vector<log_id> ids);
  log* find(const log_id& id) noexcept;

  // ---- reading

  /// Reads that may wait for files.
  storage::reader& reader() noexcept { return reader_; }
  /// Ends reads of files that wait for others, and lets none begin: a stop cannot wait for all of them. Errors of the reads:
  /// closed.
  void refuse_cold_reads() { cold_.stop(); }

  // ---- what leaves at the front

  /// Raises log starts, together by one checkpoint; each is durable and shown when it returns. One that is there already
  /// succeeds. Segments wholly below leave in the background, those that are read, or not closed yet, later. An error for
  /// each: out_of_range (above acknowledged), closed; io, no_space, after which it may still rise.
  reactor::task<std::vector<base::result<void>>> raise_log_starts(std::vector<new_log_start> wanted);
  reactor::task<base::result<void>> advance_log_start(log_id id, base::offset start);
  /// What topics' settings let go.
  storage::retention& retention() noexcept { return retention_; }
  storage::compaction& compaction() noexcept { return compaction_; }
  /// Whether segments below a log start are still there.
  bool trimming() const noexcept { return !fronts_.empty(); }
  /// The logs behind `after`, at most so many, in order: for who looks at all of them a few at a time.
  std::vector<log_id> logs_after(const log_id& after, size_t most) const;

  /// Woken when an append that was told to wait may succeed.
  reactor::wait_list& room() noexcept { return room_; }
  storage_counters counters() const noexcept;
  const commit_log& commits() const noexcept { return commits_; }
  reactor::core& on() noexcept { return core_; }

  // ---- for the classes of this room

  tail_pool& tails() noexcept { return tails_; }
  index_cache& indexes() noexcept { return indexes_; }
  cold_reads& cold() noexcept { return cold_; }
  reactor::scope& background() noexcept { return *scope_; }
  bool stopping() const noexcept { return stopping_; }
  const storage_options& options() const noexcept { return options_; }
  bool commit_log_failed() const noexcept { return commits_.failed(); }
  bool indexes_trusted() const noexcept { return indexes_trusted_; }
  const std::string& data_dir() const noexcept { return options_.data_dir; }
  std::unique_ptr<segment> new_segment(log& l, base::offset base);

  /// Whether an append of so many bytes may go on: the commit log's backlog is bounded.
  bool admits(uint64_t bytes);
  void appended(log& l, uint64_t bytes);
  void rolled(log& l);
  /// Drops the oldest pieces that are in segments, until `bytes` of them are free, where there are so many. What reads hold
  /// leaves the tails too: one that is slow keeps its own bytes, and not all that its log appends behind them.
  void make_room(uint64_t bytes);
  /// An append was told to wait: whatever may help wakes room().
  void want_room();
  void memory_freed();
  /// Reads a log's tail block back into memory, in the background.
  void open_tail(log& l);
  /// Opens and grows the file of a segment that is being written, ahead of its writer, in the background.
  void prepare(log& l, segment& s);
  void no_space(log& l);
  /// Whether the last checkpoint found no space: until one does, nothing frees the commit log, and appends are refused.
  void checkpoint_without_space(bool without) {
    if (without && !no_checkpoint_space_) room_.wake_all();  // who waits to append is told
    no_checkpoint_space_ = without;
  }
  bool no_checkpoint_space() const noexcept { return no_checkpoint_space_; }
  void commit_space_wanted() { destager_.wake(); }
  void became_durable(log& l) { destager_.became_durable(l); }
  void groups_completed();
  void segment_write_ended() {
    all_dropped_ = false;
    destager_.write_ended();
  }
  void commit_failed();
  void take_offline(log& l, const char* why);
  /// Files were opened: closes those that were not used for the longest time where there are too many, in the background.
  void bound_open_files();
  /// Closes files of closed segments that were not read since `before`.
  void close_idle_files(base::instant before);
  /// Segments that lie below the log's start leave, in the background.
  void trim(log& l);
  /// After a compaction: a closed segment takes the place of those in [begin, next). Their files have lost their names; they
  /// stay open for who reads them.
  void replace_segments(log& l, base::offset begin, base::offset next, std::unique_ptr<segment> made);
  /// Returns when a durable checkpoint names a segment of the log that is not below `upto`: nothing is redone below that.
  /// Errors: closed, no_space, io; busy where it takes too long.
  reactor::task<base::result<void>> bring_into_segments(log_id id, base::offset upto);
  std::string path_of(const log& l) const { return options_.data_dir + "/" + l.directory(); }
  /// Ends a task's use of a log.
  void let_go(log& l);

  std::vector<log_id> dirty_logs(uint64_t before) const;
  std::vector<log_id> all_logs() const;
  /// For a checkpoint that is about to be written.
  std::vector<log_state> states();
  uint64_t oldest_dirty(uint64_t otherwise) const;

  void note_group(size_t logs, uint64_t bytes);
  void note_direct(uint64_t bytes) { counters_.direct_bytes += bytes; }
  /// It is durable.
  void note_checkpoint() {
    ++counters_.checkpoints;
    all_dropped_ = false;
    show_log_starts();
  }

 private:
  base::result<void> adopt(taken one);
  reactor::task<base::result<void>> tidy_compactions(const std::vector<taken>* logs);
  reactor::task<void> close_replaced_task();
  reactor::task<void> open_tail_task(log* l);
  reactor::task<base::result<void>> read_tail_block(log& l);
  reactor::task<void> prepare_task(log* l, base::offset segment_base);
  reactor::task<void> retry_space_task(log* l);
  reactor::task<base::result<void>> grow_active(log* l);
  reactor::task<void> close_idle_task(base::instant before);
  bool wants_room() const;
  reactor::task<void> watch_room_task();
  reactor::task<void> bound_open_files_task();
  static bool may_close_file(const log& l, const segment& s);
  struct making;
  reactor::task<void> make_directories(making* state);
  struct deleted_log {
    log_id id;
    std::string directory;             ///< its name now; empty where the next start has to find it
    std::vector<std::string> spliced;  ///< names of files that are not recycled
    log* pinned = nullptr;             ///< of pinned_, where some are still being sent from
  };
  reactor::task<void> remove_deleted_logs(std::vector<deleted_log> logs);
  log* keep_while_pinned(log_id id);
  reactor::task<void> close_unpinned(log& l);
  reactor::task<void> remove_pinned_log(deleted_log gone);
  std::vector<std::string> files_of(const std::string& directory, base::offset segment) const;
  bool all_parked() const;
  reactor::task<void> close_files_of(log& l);
  reactor::task<void> close_unused(segment& s);
  reactor::task<base::result<void>> start_files(base::leader_epoch start_number);
  reactor::task<base::result<void>> remove_marked(std::vector<log_id> ids);
  reactor::task<base::result<void>> remove_together(std::vector<log_id> ids);
  reactor::task<base::result<void>> rename_away(log_id id, std::vector<deleted_log>* directories);
  reactor::task<void> retry_removals_task();
  std::vector<log_id> removed_logs() const;
  reactor::task<void> remove_stale_segments();
  reactor::task<void> recycle_segments(std::string directory, const std::vector<std::string>* spliced);
  reactor::task<void> remove_files(std::vector<std::string> paths);
  void note_log_starts();
  void show_log_starts();
  void leave_front(log& l, base::offset start);
  reactor::task<void> trim_fronts_task();
  reactor::task<void> trim_front(log_id id);
  std::unique_ptr<segment> take_front(log& l);
  reactor::task<void> all_let_go(log& l);

  reactor::core& core_;
  const storage_options options_;
  tail_pool tails_;
  uint64_t tail_bytes_max_;
  uint64_t backlog_max_;
  segment_writer writer_;
  segment_pool pool_;
  index_cache indexes_;
  commit_log commits_;
  destager destager_;
  cold_reads cold_;
  storage::reader reader_;
  storage::retention retention_;
  storage::compaction compaction_;
  std::map<log_id, std::unique_ptr<log>> logs_;
  std::vector<std::unique_ptr<log>> pinned_;        ///< removed, with files that are still being sent from
  std::vector<std::unique_ptr<segment>> replaced_;  ///< compacted, with files that are still being read
  bool closing_replaced_ = false;
  reactor::wait_list room_;
  storage_counters counters_;
  std::vector<log_id> starts_staged_;                            ///< of which no durable checkpoint says their start
  std::vector<std::pair<log_id, base::offset>> starts_written_;  ///< what the checkpoint says that is being written
  std::set<log_id> fronts_;                                      ///< have segments that are to leave
  bool trimming_ = false;
  reactor::wait_list front_freed_;  ///< some front may leave that could not
  reactor::bell trim_bell_{front_freed_};
  unsigned logs_without_space_ = 0;
  std::vector<std::string> stale_;  ///< files of segments below their log's start, found when it was taken over
  uint64_t open_files_ = 0;
  uint64_t segments_made_ = 0;
  bool bounding_files_ = false;
  bool stopping_ = false;
  bool room_wanted_ = false;
  base::instant room_wanted_at_{};
  bool watching_room_ = false;
  bool all_dropped_ = false;  ///< nothing more may leave the tails before a segment write or a checkpoint
  bool indexes_trusted_ = false;
  bool retrying_removals_ = false;
  bool no_checkpoint_space_ = false;
  std::unique_ptr<reactor::scope> scope_;
};

}  // namespace millrace::storage
