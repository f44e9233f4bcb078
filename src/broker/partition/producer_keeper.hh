#pragma once

#include <deque>

#include "base/time.hh"
#include "broker/partition/producer_table.hh"
#include "reactor/task.hh"
#include "reactor/timer_wheel.hh"
#include "storage/log.hh"

/// Where a core's producers come from and go to: their states are read from the snapshot and the log's newest batches when a
/// partition first needs them, written to the snapshot as the log grows and at a stop, and forgotten when they are old.

namespace millrace::broker {

class broker_core;
class partition;

struct producer_options {
  base::duration expiration = base::milliseconds(int64_t{86400} * 1000);  ///< producer.id.expiration.ms
  size_t count_max = 0;                                                   ///< of a core; 0: what a 16th of its memory holds
  uint64_t unkept_bytes_max = 16 << 20;  ///< a snapshot is due when so much of a log would have to be read again
};

/// The producers of one partition, and how far they are kept.
struct kept_producers {
  kept_producers(producer_ages& ages, base::offset taken_over_at)
      : table(ages), recovered_end(taken_over_at), loaded(taken_over_at.value() == 0) {}
  producer_table table;
  const base::offset recovered_end;  ///< what may hold batches that `table` does not know lies below
  bool loaded;                       ///< before, no batch with a producer id is appended
  bool queued = false;
  bool wanted = false;       ///< somebody waits for a snapshot of what is appended now
  uint64_t turns_begun = 0;  ///< how often it was its turn in the queue
  uint64_t turns_ended = 0;
  bool being_kept = false;    ///< a task writes its snapshot: one at a time, since all write to one name
  uint64_t bytes_unkept = 0;  ///< appended since the snapshot, or about
};

class producer_keeper {
 public:
  producer_keeper(broker_core& of, producer_options options);
  producer_keeper(const producer_keeper&) = delete;
  producer_keeper& operator=(const producer_keeper&) = delete;

  producer_ages& ages() noexcept { return ages_; }
  void start();
  /// In the background: loads what is not loaded, and writes a snapshot where one is due. room() of the logs is woken when
  /// the producers are there; where they cannot be read, the appends that wait for them are refused.
  void want(partition& p);
  /// After `bytes` were appended.
  void note_appended(partition& p, uint64_t bytes);
  /// Returns when a snapshot knows every numbered batch below `start`, so that these may go: a producer of which it knows an
  /// older batch only would be refused its next one. Errors: out_of_range (above the log's end), closed (the partition went
  /// away, or a stop), storage (producers cannot be read, or the snapshot not be written).
  reactor::task<base::result<void>> keep_below(storage::log_id id, base::offset start);
  /// At a stop, when nothing is appended any more: snapshots of all that need one, by tasks of the background; what is not
  /// through within some seconds is read again at the next start.
  void keep_all();

 private:
  class expiry final : public reactor::timer {
   public:
    explicit expiry(producer_keeper& k) : of_(k) {}
    void run(reactor::core& on) override;

   private:
    producer_keeper& of_;
  };

  reactor::task<void> run();
  reactor::task<void> serve(storage::log_id id);
  reactor::task<void> load(storage::log_id id);
  reactor::task<base::offset> restore(storage::log_id id);
  reactor::task<bool> replay(storage::log_id id, base::offset from);
  reactor::task<void> keep(storage::log_id id);
  reactor::task<base::result<void>> write_snapshot(storage::log_id id, base::offset covers);
  reactor::task<bool> is_durable(storage::log_id id, base::offset upto);
  reactor::task<void> keep_rest();
  bool ending() const noexcept;

  broker_core& of_;
  producer_ages ages_;
  const base::duration look_;
  const uint64_t unkept_bytes_max_;
  expiry expiry_;
  std::deque<storage::log_id> queue_;
  bool running_ = false;
  bool stopping_ = false;
  base::instant stop_limit_{};
};

}  // namespace millrace::broker
