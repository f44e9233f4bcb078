#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "broker/partition/broker_counters.hh"
#include "broker/partition/compaction_keeper.hh"
#include "broker/partition/partition.hh"
#include "broker/partition/retention_keeper.hh"
#include "broker/partition/work.hh"
#include "reactor/bell.hh"
#include "reactor/core.hh"
#include "reactor/scope.hh"
#include "storage/log_manager.hh"

/// A core's share of the broker: its partitions, and the works of all cores that concern them.

namespace millrace::broker {

class broker_core {
 public:
  broker_core(reactor::core& on, storage::storage_options options, producer_options producers = {},
              retention_options retention = {}, compaction_keeper_options compaction = {});
  ~broker_core();
  broker_core(const broker_core&) = delete;
  broker_core& operator=(const broker_core&) = delete;

  reactor::core& on() noexcept { return core_; }
  storage::log_manager& logs() noexcept { return logs_; }
  reactor::scope& background() noexcept { return *scope_; }
  producer_keeper& producers() noexcept { return producers_; }
  base::leader_epoch epoch() const noexcept { return epoch_; }
  broker_counters& counters() noexcept { return counters_; }
  size_t partitions() const noexcept { return partitions_.size(); }

  /// Told once, before serving: every core's broker_core, by core id. Fixed from then on.
  void meet(std::vector<broker_core*> all) {
    all_ = std::move(all);
    lanes_ = std::make_unique<lane[]>(all_.size());
  }

  reactor::task<base::result<void>> start(std::vector<storage::log_manager::taken> logs, base::leader_epoch epoch,
                                          bool clean);
  /// Ends waiting fetches and works, then stops the logs.
  reactor::task<base::result<void>> stop();
  /// Ends the reads that wait for the disk, on all cores: a stop has no time to answer them.
  reactor::task<void> refuse_cold_reads();
  void abandon() noexcept;

  reactor::task<base::result<void>> create(std::vector<storage::new_log> logs);
  reactor::task<base::result<void>> remove(std::vector<storage::log_id> ids);
  /// Raises log starts: durable and shown when it returns, the data below goes later. What numbered batches below it say of
  /// their producers is kept first. An error for each, as log_manager::raise_log_starts.
  reactor::task<std::vector<base::result<void>>> raise_log_starts(std::vector<storage::new_log_start> wanted);
  /// Null where this core has no such partition.
  partition* find(const storage::log_id& id) noexcept;
  template <class F>
  void each(F&& f) {
    for (auto& [id, p] : partitions_) f(*p);
  }

  /// On the home core: sends a work to the core that owns its partitions; here, it is executed at once.
  void send(work& w, base::core_id owner);
  /// On the home core, after a read_work settled and its slices were sent: lets them go on their core; on_settled() is
  /// called once more, then the work may be used again.
  void release(read_work& w);
  /// On the home core: answers all parked reads of this core at once (a connection closes, a stop).
  void end_wait(read_work& w);

 private:
  friend class work;
  friend class append_work;
  friend class read_work;
  friend class partition;

  void settled(work& w);
  /// On the home core: a work came back; the next one that waits for credit goes.
  void returned(const work& w);
  void append(append_work& w);
  void read(read_work& w);
  partition* find_for(read_part& part);
  static void refuse(read_part& part, base::error why);
  void answer(read_work& w);
  void read_parts(read_work& w);
  void note_read(uint32_t bytes, bool from_memory) noexcept;
  reactor::task<void> read_rest(read_work* w, size_t from, uint32_t left, bool one);
  void unpark(read_work& w);
  bool retry_all();
  /// Some append of `p` waits: it is tried again when there may be room.
  void wait_for_room(partition& p);
  reactor::task<void> retry_appends();

  reactor::core& core_;
  storage::log_manager logs_;
  base::leader_epoch epoch_{0};
  std::vector<broker_core*> all_;
  /// Works on their way to one other core, bounded so that none is buried under others there: those over the bound wait
  /// here, in order. Reads that may be parked pass by: their number is bounded by what a connection may ask at a time.
  struct lane {
    unsigned out = 0;
    reactor::ready_list waiting;
  };
  std::unique_ptr<lane[]> lanes_;  ///< by core
  struct id_hash {
    size_t operator()(const storage::log_id& id) const noexcept;
  };
  producer_keeper producers_;
  retention_keeper retention_;
  compaction_keeper compaction_;
  std::unordered_map<storage::log_id, std::unique_ptr<partition>, id_hash> partitions_;
  base::intrusive_list<partition, short_of_room_tag> short_of_room_;  ///< those with waiting appends, longest first
  bool retrying_ = false;
  reactor::bell room_bell_{logs_.room()};
  broker_counters counters_;
  bool started_ = false;
  bool stopping_ = false;
  std::unique_ptr<reactor::scope> scope_;
};

}  // namespace millrace::broker
