#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/intrusive_list.hh"
#include "base/result.hh"
#include "record/batch_view.hh"
#include "storage/compaction_mark.hh"
#include "storage/segment.hh"
#include "storage/tail_memory.hh"
#include "storage/types.hh"

/// A durable, ordered log of record batches: one partition's. append() copies a batch into the tail memory and queues
/// the log for the next commit group; when that group is on stable storage the listener hears of it. Lives on one core
/// and never suspends; what waits (files, reads, destaging) is done by tasks of its log_manager.
///
/// Points of a log, in order: checkpointed <= durable <= staged (in a commit group) <= end (appended).

namespace millrace::storage {

class log_manager;
class work_pace;

/// Told on the log's core, at the end of a turn or when a write completed; must not suspend and not destroy the log.
class log_listener {
 public:
  virtual ~log_listener() = default;
  /// All offsets below `acknowledged` may be answered for: they are on stable storage (or the topic asked for less).
  virtual void on_acknowledged(base::offset acknowledged) = 0;
  /// The log takes no more appends; what was appended and not acknowledged never will be.
  virtual void on_offline() = 0;
};

struct appended {
  base::offset first;  ///< base offset given to the batch
  base::offset next;   ///< to be answered for once on_acknowledged(>= next) was called
};

/// Who checks the CRC of what append() copies.
enum class crc_check : uint8_t { compute, already_verified };

/// A read that may be executed later: it names points, and holds nothing.
struct read_plan {
  base::offset segment{0};
  base::offset wanted{0};
  base::offset limit{INT64_MAX};    ///< no batch from here on, whatever is there by the time it is read
  uint64_t end = 0;                 ///< position in the segment where reading must stop; a batch ends there
  uint32_t bytes_max = 0;           ///< whole batches up to this many bytes
  bool one_at_least = false;        ///< the first batch comes whole however large it is
  bool file_range_will_do = false;  ///< who reads can send from a file: where storage_options::splice_reads is set
  work_pace* pace = nullptr;        ///< of background work, on whose share of the core its batches are checked
  bool empty() const noexcept { return end == 0; }
};

struct waiting_tag;

class log : public base::list_hook<waiting_tag> {
 public:
  log(log_manager& manager, log_state state, const log_config& config);
  ~log();
  log(const log&) = delete;
  log& operator=(const log&) = delete;

  const log_id& id() const noexcept { return id_; }
  const std::string& directory() const noexcept { return directory_; }
  /// Where it begins, by a durable checkpoint: it never goes back, whatever crashes.
  base::offset log_start() const noexcept { return log_start_; }
  /// What may be answered for: the high watermark of a log that nobody else copies.
  base::offset acknowledged() const noexcept { return acknowledged_.next; }
  base::offset end() const noexcept { return end_.next; }
  base::offset durable() const noexcept { return durable_.next; }  ///< on stable storage
  bool offline() const noexcept { return offline_; }
  uint64_t size_bytes() const noexcept;  ///< of all its segments
  void listen(log_listener* listener) noexcept { listener_ = listener; }

  /// Appends one whole batch (framed, shape-checked), stamping base offset and leader epoch into the copy. Errors:
  ///   corrupt    the CRC does not match
  ///   busy       memory or the commit log is full, or the tail is not in memory yet: wait for the manager's room, retry
  ///   no_space   the segment could not grow; it is tried again each second
  ///   storage    the log is offline
  ///   closed     the manager is stopping
  /// In each case nothing happened.
  base::result<appended> append(const record::batch_view& batch, base::leader_epoch epoch, crc_check check);

  /// Plans a read at `wanted` of at most `bytes_max` bytes of whole acknowledged batches of one segment; an empty plan at
  /// acknowledged(). Errors: out_of_range (below log start, above acknowledged), storage (damage).
  base::result<read_plan> plan_read(base::offset wanted, uint32_t bytes_max, bool one_at_least) const;
  /// Executes a plan whose bytes are all in memory: calls out(slice) for whole batches and returns true. False where
  /// some are not: log_manager::read does it.
  template <class Out>
  bool collect(const read_plan& plan, Out&& out) const;
  /// Bytes of acknowledged batches from `wanted` on, counted up to `bytes_max`: what a waiting fetch adds up. reason_enough
  /// where it need not wait for more: an older segment, bytes that are not in memory, a read that fails.
  static constexpr uint64_t reason_enough = UINT64_MAX;
  uint64_t bytes_available(base::offset wanted, uint64_t bytes_max) const;

  const std::vector<epoch_start>& epochs() const noexcept { return epochs_; }
  const std::vector<damaged_range>& damage() const noexcept { return damage_; }
  /// Where a log can be read again, behind damage at `at`; `at` where it is not damaged.
  base::offset behind_damage(base::offset at) const noexcept;

  // ---- for who keeps the producers of its batches; the log only remembers from where on they are not kept

  /// Every batch with a producer id that lies below is in the snapshot that somebody keeps (layout::producers_file); end()
  /// where all of them are.
  base::offset producers_from() const noexcept { return unkept_ ? unkept_->first : end_.next; }
  /// A snapshot of all batches below `upto` is durable; the next checkpoint says so.
  void producers_kept(base::offset upto) noexcept;

  const log_config& config() const noexcept { return config_; }
  void configure(const log_config& config) noexcept { config_ = config; }

 private:
  friend class log_manager;
  friend class commit_log;
  friend class compaction;
  friend class compaction_pass;
  friend class destager;
  friend class reader;
  friend class read_ahead;
  friend class retention;
  friend class segment_writer;

  /// A range of bytes within one segment's tail memory.
  struct range {
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  segment& active() const { return *segments_.back(); }
  segment* find_segment(base::offset base) const;
  /// The segment that holds `wanted`: the last whose base is not above it.
  segment* segment_of(base::offset wanted) const;
  /// The first segment whose base is not below `base`; null where there is none.
  segment* segment_from(base::offset base) const;
  bool must_roll(const record::batch_view& batch) const;
  int64_t roll_jitter_ms() const;
  void roll();
  /// The first segment goes: points at its end become the begin of the second one, which is the same place.
  void step_over_front();
  /// Where all of a closed segment is in its file, the next one's begin is what a checkpoint names: the same place.
  void step_over_closed();
  /// The segments from `begin` to `next` become others: points at their end become the begin of the one behind them.
  void step_over_replaced(base::offset begin, base::offset next);
  void note_epoch(base::leader_epoch epoch, base::offset first);
  void note_producer(base::offset first, base::offset next) noexcept;
  void copy_batch(const record::batch_view& batch, base::leader_epoch epoch, crc_check check, uint32_t& crc);
  /// Where in memory the plan's bytes are; nullopt where some are not.
  std::optional<range> locate(const read_plan& plan) const;
  uint64_t walk_to(const segment& s, uint64_t from, base::offset wanted, uint64_t stop) const;
  uint64_t cut_to_batches(const segment& s, uint64_t begin, uint64_t stop, uint32_t bytes_max, bool one) const;
  bool damaged(base::offset o) const;
  /// Adds a range to the damage, as far as it lies in the log. False where it was known.
  bool note_damage(damaged_range found);
  /// The next checkpoint says that the log starts here, or further on. False where it says so already.
  bool stage_log_start(base::offset start) noexcept;
  /// A durable checkpoint says it: damage below it is forgotten, and the epoch that goes on there begins there.
  void raise_log_start(base::offset start);
  /// Whether a segment wholly below log start is still there.
  bool front_is_left() const noexcept { return segments_.size() > 1 && segments_[1]->base() <= log_start_; }
  /// Whether everything appended is in a commit group that is complete, and nobody is about to touch the active segment's
  /// end.
  bool at_rest() const noexcept;
  /// And may go now: nobody reads it, writes to it or brings it into its file. What is to go need not be closed first.
  bool front_may_leave() const noexcept;
  /// Seals the active segment, where it has bytes, although nothing is appended. The log is at rest.
  void end_active();
  /// Offset after the last batch of a segment; base offset of the batch at a position in memory.
  base::offset end_of(const segment& s) const;
  base::offset base_offset_at(const segment& s, uint64_t position) const;
  base::leader_epoch epoch_of(base::offset o) const;
  uint64_t unstaged_bytes() const;
  /// Whether nothing goes to its segments any more.
  bool gone() const noexcept { return removed_ || (offline_ && !rescuing_); }
  /// Whether all of it is in segments, so that its tail may leave memory.
  bool idle() const noexcept;
  void acknowledge(log_point point);
  void mark_dirty(uint64_t record);
  log_state state() const;

  log_manager& manager_;
  const log_id id_;
  const std::string directory_;
  log_config config_;
  log_listener* listener_ = nullptr;

  /// Ascending, without gaps in offsets; the last is the active one. Never empty.
  std::deque<std::unique_ptr<segment>> segments_;
  tail_memory tail_;

  log_point end_;           ///< where the next batch goes; its segment is the active one
  log_point staged_;        ///< in a commit group up to here
  log_point durable_;       ///< on stable storage up to here
  log_point acknowledged_;  ///< what the listener heard
  log_point checkpointed_;  ///< in segment files, durable: what a checkpoint may name
  base::offset log_start_;
  base::offset log_start_staged_;  ///< what the next checkpoint says; not below log_start_
  std::vector<epoch_start> epochs_;
  std::vector<damaged_range> damage_;
  compaction_mark compacted_;  ///< known from the first look of compaction on
  bool compacted_known_ = false;
  /// Batches with a producer id that no snapshot has lie here.
  struct unkept {
    base::offset first;  ///< of the first such batch, or below
    base::offset next;   ///< behind the last of them, or above
  };
  std::optional<unkept> unkept_;

  bool offline_ = false;
  bool removed_ = false;
  bool removing_ = false;  ///< a task of remove() is at it
  /// Offline, and destaged once more from memory: what was acknowledged must not hold the commit log's space for ever.
  bool rescuing_ = false;
  base::instant rescue_at_{};  ///< not before
  bool no_space_ = false;
  /// The tail block is in memory (or the end is at a block's start), and what segment.ms counts from is known.
  bool tail_open_ = true;
  bool tail_opening_ = false;
  bool preparing_ = false;  ///< a task makes room in a segment's file: that segment is not closed meanwhile
  bool touched_ = false;    ///< appended to since start or park: indexes and size on disk are behind
  bool destaging_ = false;
  base::offset destaged_below_{0};  ///< while destaging_: with the segments below it the destager is done
  bool rolled_ = false;             ///< and the destager did not hear yet that all of the sealed segment is durable
  uint32_t groups_ = 0;             ///< commit groups in flight that hold bytes of it
  uint32_t writes_ = 0;             ///< segment writes in flight
  uint32_t users_ = 0;              ///< tasks that use it: it is not destroyed before they let go

  /// Commit log positions of the oldest record that holds bytes which no checkpoint covers, and of the oldest built
  /// since the destage in progress began. clean: none.
  static constexpr uint64_t clean = UINT64_MAX;
  uint64_t dirty_since_ = clean;
  uint64_t dirty_next_ = clean;
};

template <class Out>
bool log::collect(const read_plan& plan, Out&& out) const {
  const auto found = locate(plan);
  if (!found) return false;
  tail_.ranges(plan.segment, found->begin, found->end, [&](const tail_piece& piece, const uint8_t* data, uint32_t size) {
    out(slice{piece.memory, data, size});
  });
  return true;
}

}  // namespace millrace::storage
