#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/catalog/catalog.hh"
#include "broker/catalog/file_store.hh"
#include "broker/group/group_coordinator.hh"
#include "reactor/scope.hh"
#include "server/assembly_options.hh"
#include "storage/recovery.hh"

/// The broker put together: what lives on each core, started from the bottom up and stopped from the top down by tasks of
/// core 0. The process (wiring) and the simulator's nodes are both this.

namespace millrace::server {

/// What lives on one core. Made and destroyed on it.
struct core_parts {
  core_parts(reactor::core& on, const assembly_options& options);
  reactor::core& core;
  broker::catalog catalog;
  broker::broker_core broker;
  broker::group_coordinator groups;
  std::unique_ptr<api::kafka::door> door;  ///< null until it is opened
  reactor::scope scope;
};

class assembly {
 public:
  assembly(assembly_options options, unsigned cores);
  ~assembly();
  assembly(const assembly&) = delete;
  assembly& operator=(const assembly&) = delete;

  /// Makes the parts of this core; on each, before the start.
  void make(reactor::core& on);
  /// Destroys them; on each core after the stop, core 0 first.
  void destroy(reactor::core& on);
  /// Forgets all tasks where they stand: the world's crash. Then destroy().
  void abandon() noexcept;

  // On core 0. Errors are logged where they occur; step() has the word for where.

  /// Opens HTTP, which says how far the broker is, then takes everything from the disk and starts all but the doors.
  /// errc::closed: a stop was asked for meanwhile.
  reactor::task<base::result<void>> recover();
  /// Opens the doors, after recover(): the broker serves. errc::closed as there.
  reactor::task<base::result<void>> open();
  /// A start under way ends at its next step.
  void ask_stop() noexcept { stopping_ = true; }
  bool stopping() const noexcept { return stopping_; }
  /// After a start, however it ended. The first of the failures; each step is gone through all the same.
  reactor::task<base::result<void>> stop();
  const char* step() const noexcept { return step_; }

  unsigned cores() const noexcept { return static_cast<unsigned>(parts_.size()); }
  core_parts& on(unsigned core) noexcept { return *parts_[core]; }
  broker::controller& controller() noexcept { return *controller_; }
  api::http::door* http() noexcept { return http_.get(); }  ///< null: not served
  /// With the ports that the kernel chose, once it serves.
  const assembly_options& options() const noexcept { return options_; }

 private:
  using outcome = base::result<void>;
  /// A step of one core, on it.
  using core_step = reactor::task<outcome> (*)(core_parts* part);

  outcome begin(const char* step);
  outcome failed(base::error why);
  outcome open_http();
  reactor::task<outcome> recover_storage();
  reactor::task<outcome> start_logs(std::vector<storage::log_state> found, base::leader_epoch number, bool clean);
  reactor::task<outcome> start_catalog();
  reactor::task<void> start_groups();
  reactor::task<outcome> find_ports_free();
  void report_listener(const api::kafka::door_listener& one, base::error why);
  reactor::task<void> tell_all(std::function<void(core_parts&)> what);
  reactor::task<outcome> on_all(core_step what);
  reactor::task<void> on_one(unsigned index, core_step what, outcome* all);
  reactor::core& home() noexcept { return parts_[0]->core; }

  assembly_options options_;
  reactor::connection_shares shares_;
  api::kafka::huge_frames huge_frames_;
  std::vector<std::unique_ptr<core_parts>> parts_;  ///< by core
  std::unique_ptr<broker::file_store> store_;       ///< core 0's, as all below
  std::unique_ptr<broker::controller> controller_;
  std::unique_ptr<api::http::door> http_;
  std::unique_ptr<reactor::scope> together_;  ///< the step that all cores take now
  const char* step_ = "";
  bool stopping_ = false;
};

}  // namespace millrace::server
