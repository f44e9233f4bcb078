#pragma once

#include <vector>

#include "base/time.hh"
#include "broker/partition/look_alarm.hh"
#include "reactor/task.hh"
#include "storage/log_manager.hh"

/// Lets go what a core's topics no longer want (retention.ms, retention.bytes): looks at all of its logs, one after the
/// other and a few a turn, and raises the log starts of those that have outlived something, together.

namespace millrace::broker {

class broker_core;

struct retention_options {
  base::duration check_interval = base::seconds(300);  ///< log.retention.check.interval.ms
};

class retention_keeper {
 public:
  retention_keeper(broker_core& of, retention_options options);
  retention_keeper(const retention_keeper&) = delete;
  retention_keeper& operator=(const retention_keeper&) = delete;

  /// The first look comes after one interval, or 30 s where that is longer.
  void start();
  /// No more looks; one that is under way ends soon.
  void stop() noexcept;

 private:
  reactor::task<void> run();
  reactor::task<void> look_at_all();
  reactor::task<void> raise(std::vector<storage::new_log_start> due);

  broker_core& of_;
  look_alarm alarm_;
};

}  // namespace millrace::broker
