#pragma once

#include <vector>

#include "base/time.hh"
#include "broker/partition/look_alarm.hh"
#include "reactor/task.hh"
#include "storage/log_manager.hh"

/// Compacts a core's logs whose topics ask for it (cleanup.policy=compact): looks at all of them, a few a turn, and goes
/// over those that are dirty enough or overdue, one after the other, the dirtiest first.

namespace millrace::broker {

class broker_core;

struct compaction_keeper_options {
  base::duration interval = base::seconds(15);  ///< log.cleaner.backoff.ms
};

class compaction_keeper {
 public:
  compaction_keeper(broker_core& of, compaction_keeper_options options);
  compaction_keeper(const compaction_keeper&) = delete;
  compaction_keeper& operator=(const compaction_keeper&) = delete;

  /// The first look comes after one interval.
  void start();
  /// No more looks; a pass that is under way ends soon.
  void stop() noexcept;

 private:
  struct dirty_log {
    storage::log_id id;
    storage::compaction_candidate seen;
  };
  reactor::task<void> run();
  reactor::task<std::vector<dirty_log>> dirty_logs();
  reactor::task<void> compact(storage::log_id id);

  broker_core& of_;
  look_alarm alarm_;
};

}  // namespace millrace::broker
