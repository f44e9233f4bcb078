#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/buckets.hh"
#include "base/intrusive_list.hh"
#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/file.hh"
#include "storage/commit_record.hh"
#include "storage/log.hh"
#include "storage/segment_write.hh"

/// A core's commit log: whatever its logs have waiting at the end of a turn becomes durable by one record, written with
/// RWF_DSYNC, while a few groups are in flight. A ring of 4 KiB blocks in a file of fixed size; space is free again when
/// a checkpoint says that segments hold what its records hold.
///
/// Positions here are virtual: they count bytes since the commit log began and never wrap; the byte at `p` is in the
/// file at file_position(p).

namespace millrace::storage {

class log_manager;

struct commit_log_options {
  uint64_t file_bytes = 256u << 20;
  uint32_t inline_bytes_max = 64u << 10;  ///< a log with less in a group puts its bytes into the record
  unsigned groups_in_flight = 4;          ///< more than two only while they are small
};

/// Of groups that are complete.
struct flush_counters {
  base::latency_buckets latency;  ///< from the write's start until it, and all before it, are on stable storage
  base::size_buckets bytes;       ///< of the record and the direct writes beside it
  base::count_buckets logs;
};

class commit_log final : public reactor::turn_end_hook {
 public:
  /// Where redo would begin if all records before it were not needed: what a checkpoint says.
  struct redo_point {
    uint64_t number = 1;
    uint64_t file_position = block_bytes;
    uint64_t previous_digest = 0;
    uint64_t position = 0;  ///< virtual
  };

  commit_log(reactor::core& on, log_manager& manager, segment_writer& writer, commit_log_options options);
  ~commit_log() override;

  /// Makes or reuses the file and draws a new id, by which all that the file held is forgotten once a checkpoint names
  /// it. The first blocks are ready for writing when it returns.
  reactor::task<base::result<void>> open(std::string path);
  /// Writes zeros to the rest of a new file, so that records go to written extents; run beside everything else.
  reactor::task<void> prepare_rest();
  reactor::task<void> close();
  void abandon() noexcept;

  /// Queues a log whose end moved by `bytes`: they go into a group that starts at the turn's end, or when there is room.
  void enqueue(log& l, uint64_t bytes);
  /// Drops a log from the queue: it goes away or offline.
  void forget(log& l);
  void at_turn_end() override;
  /// Something that a waiting log may have waited for happened: its file grew, a write ended.
  void look_again() {
    if (!waiting_.empty()) core_.at_turn_end(*this);
  }

  uint64_t id() const noexcept { return id_; }
  uint64_t backlog() const noexcept { return backlog_; }  ///< bytes appended and in no group yet
  bool idle() const noexcept { return waiting_.empty() && in_flight_ == 0; }
  unsigned in_flight() const noexcept { return in_flight_; }  ///< groups
  bool failed() const noexcept { return failed_; }
  uint64_t head() const noexcept { return head_; }  ///< where the next record goes
  uint64_t tail() const noexcept { return tail_; }  ///< what lies before is free
  uint64_t used() const noexcept { return head_ - tail_; }
  uint64_t capacity() const noexcept { return ring_bytes_; }
  uint64_t completed() const noexcept { return completed_; }  ///< number of the last complete group
  const flush_counters& flushes() const noexcept { return flushes_; }

  redo_point redo_from(uint64_t position) const;
  /// Frees the space before a redo point that a durable checkpoint names.
  void release(const redo_point& point);

 private:
  /// A log's share of a group: how far it is durable when the group is.
  struct part {
    log* of;
    log_point end;
  };
  struct group;
  struct record_place {
    uint64_t position;
    uint64_t number;
    uint64_t previous_digest;
  };

  uint64_t file_position(uint64_t position) const { return block_bytes + position % ring_bytes_; }
  /// Where a record of `bytes` may begin at or after head: records do not wrap.
  uint64_t place_for(uint64_t bytes) const;
  /// Gives every group the buffer that it always keeps.
  bool lend_buffers();
  /// Whether one more group may be in flight. The first two keep the disk at work while the core collects; more of them let
  /// small ones, which wait for the disk and not for its bandwidth, leave earlier. Large ones get larger instead.
  bool may_start() const;
  bool start_group();
  bool collect(group& g, uint64_t room, uint64_t& inline_bytes);
  bool add_log(group& g, log& l, uint64_t room, uint64_t& inline_bytes);
  bool add_range(group& g, log& l, segment& s, uint64_t left, uint64_t& inline_bytes);
  bool may_write_directly(const log& l, const segment& s, uint64_t end) const;
  void write_record(group& g, uint64_t at, uint64_t inline_bytes);
  void part_done(group& g, int error);
  void complete_in_order();
  void finish(group& g);
  void fail(int error);

  reactor::core& core_;
  log_manager& manager_;
  segment_writer& writer_;
  const commit_log_options options_;
  const uint32_t inline_bytes_max_;  ///< as wished, but small against a group: what is not written directly must fit
  /// Of the buffer that each group always has: what one log may put into a record at once fits.
  const uint64_t buffer_bytes_least_;
  reactor::file file_;
  std::string path_;
  uint64_t ring_bytes_ = 0;
  uint64_t prepared_ = 0;  ///< the first lap goes no further: zeros are written before it

  uint64_t id_ = 0;
  uint64_t head_ = 0;
  uint64_t tail_ = 0;
  uint64_t next_number_ = 1;
  uint64_t last_digest_ = 0;
  uint64_t completed_ = 0;
  uint64_t backlog_ = 0;
  bool failed_ = false;
  flush_counters flushes_;

  base::intrusive_list<log, waiting_tag> waiting_;
  size_t waiting_count_ = 0;
  std::vector<std::unique_ptr<group>> groups_;  ///< slot of group n: n % size
  unsigned in_flight_ = 0;
  std::vector<record_place> places_;  ///< records in the ring, oldest first, from places_begin_ on
  size_t places_begin_ = 0;
};

}  // namespace millrace::storage
