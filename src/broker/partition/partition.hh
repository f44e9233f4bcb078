#pragma once

#include "base/intrusive_list.hh"
#include "base/result.hh"
#include "broker/partition/producer_keeper.hh"
#include "broker/partition/work.hh"
#include "storage/log.hh"

/// What a partition means: appends in order, answered once acknowledged; reads up to the high watermark; fetches that
/// wait for it. Lives on its owner core over one storage::log. Nothing here suspends.

namespace millrace::broker {

class broker_core;
struct short_of_room_tag;

class partition final : public storage::log_listener, public base::list_hook<short_of_room_tag> {
 public:
  partition(broker_core& on, storage::log& l, base::leader_epoch epoch);
  ~partition() override;
  partition(const partition&) = delete;
  partition& operator=(const partition&) = delete;

  storage::log& log() noexcept { return log_; }
  base::leader_epoch epoch() const noexcept { return epoch_; }
  base::offset high_watermark() const noexcept { return log_.acknowledged(); }
  kept_producers& producers() noexcept { return producers_; }
  const kept_producers& producers() const noexcept { return producers_; }

  /// Appends, now or when there is room, in order of arrival; the part is settled later (or now, where it fails or acks
  /// is 0). A producer's repeat is not appended: it is settled as the first copy is, with that one's offset.
  void append(append_part& part);
  /// Tries again what waited for room. False where something still waits.
  bool retry();

  /// Kafka's fencing: fenced_leader_epoch below ours, unknown_leader_epoch above; -1 passes.
  base::result<void> check_epoch(base::leader_epoch current) const;
  /// Largest epoch <= `asked` and where it ends; below all that are known, `asked` and where the first of them starts;
  /// (-1, -1) above our own.
  struct epoch_end {
    base::leader_epoch epoch{-1};
    base::offset end{-1};
  };
  epoch_end end_of_epoch(base::leader_epoch asked) const;

  /// Checks a part's epochs and offset and notes high watermark and log start. False where the part is answered by that
  /// (failed or diverged).
  bool admit(read_part& part) const;
  /// Counts what there is for a part anew, in its work's sum.
  void count(read_part& part) const;
  void park(read_part& part) { parked_.push_back(part); }

  /// Fails what waits with a producer id.
  void refuse_numbered(base::errc why);

  void on_acknowledged(base::offset acknowledged) override;
  void on_offline() override;
  /// Answers the fetches that wait.
  void end_waits();
  /// Fails all that waits: the partition goes away.
  void close(base::errc why);
  /// Forgets all that waits: the world's crash.
  void abandon() noexcept;

 private:
  void settle(append_part& part);
  void fail(append_part& part, base::error why);
  bool try_append(append_part& part);
  void note_appended(const record::batch_view& batch) noexcept;
  base::result<std::optional<producer_batch>> judge(const append_part& part, const record::batch_view& batch);
  void answer_duplicate(append_part& part, const producer_batch& original);
  void wake_parked();

  broker_core& core_;
  storage::log& log_;
  const base::leader_epoch epoch_;
  kept_producers producers_;
  base::intrusive_list<append_part, append_tag> pending_;  ///< not acknowledged; as appended, and repeats as they came
  base::intrusive_list<append_part, append_tag> waiting_;  ///< not appended yet: no room
  base::intrusive_list<read_part, read_tag> parked_;
};

}  // namespace millrace::broker
