#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/http/door.hh"
#include "api/kafka/door.hh"
#include "broker/catalog/catalog.hh"
#include "broker/catalog/controller.hh"
#include "broker/catalog/file_store.hh"
#include "broker/group/group_coordinator.hh"
#include "broker/partition/broker_core.hh"
#include "reactor/machine.hh"
#include "reactor/scope.hh"
#include "server/settings.hh"
#include "storage/recovery.hh"

/// The broker put together: what lives on each core, started from the bottom up and stopped from the top down by tasks of
/// core 0.

namespace millrace::server {

struct wiring_options {
  storage::storage_options storage;
  broker::producer_options producers;
  broker::retention_options retention;
  broker::compaction_keeper_options compaction;
  broker::controller_options controller;
  broker::coordinator_options groups;
  api::kafka::door_options door;
  std::vector<api::kafka::door_listener> listeners;
  std::vector<api::kafka::door_listener> core_listeners;  ///< by core; empty: cores have none of their own
  std::optional<http_settings> http;                      ///< none: not served
  std::string version;
  size_t connections_max = SIZE_MAX;  ///< of all cores together
  size_t huge_frame_bytes = 0;        ///< likewise
  base::log_level log_least = base::log_level::info;
  bool recover_by_scan = false;  ///< --recover-by-scan: logs are what their segments prove (storage/scan_recovery.hh)
};

class wiring final : public reactor::core_program {
 public:
  wiring(wiring_options options, unsigned cores);
  ~wiring() override;

  void start(reactor::core& on) override;
  void stop(reactor::core& on) override;
  void finish(reactor::core& on) override;

  /// Whether it served, or was asked to stop before; false where a step of the start failed (it is in the log).
  bool succeeded() const noexcept { return !failed_; }

 private:
  /// What lives on one core. Made and destroyed on it.
  struct core_parts {
    core_parts(reactor::core& on, wiring& whole);
    reactor::core& core;
    broker::catalog catalog;
    broker::broker_core broker;
    broker::group_coordinator groups;
    std::unique_ptr<api::kafka::door> door;
    reactor::scope scope;
  };

  reactor::task<void> live(reactor::core* home);
  reactor::task<base::result<void>> boot(reactor::core& home);
  reactor::task<base::result<void>> boot_storage(reactor::core& home);
  reactor::task<base::result<void>> open_doors(reactor::core& home);
  reactor::task<base::result<void>> find_ports_free(reactor::core& home);
  base::result<void> open_http(reactor::core& home);
  void show_doors();
  reactor::task<void> close_http();
  void report_listener(reactor::core& home, const api::kafka::door_listener& one, base::error why);
  reactor::task<base::result<void>> shut_down(reactor::core& home);
  /// A step of one core, on it.
  using step = reactor::task<base::result<void>> (*)(core_parts* part);
  reactor::task<base::result<void>> on_all(reactor::core& home, step what);
  reactor::task<void> on_one(reactor::core* home, unsigned index, step what, base::result<void>* outcome);
  reactor::task<void> start_groups(reactor::core& home);
  static reactor::task<base::result<void>> stop_accepting(core_parts* part);
  static reactor::task<base::result<void>> stop_groups(core_parts* part);
  static reactor::task<base::result<void>> close_door(core_parts* part);
  static reactor::task<base::result<void>> stop_broker(core_parts* part);
  void report(reactor::core& home, const char* step, base::error why);
  static std::string listed(const std::vector<api::kafka::door_listener>& listeners);
  void say_ready(reactor::core& home);
  base::core_id id(unsigned i) const { return base::core_id(i); }

  wiring_options options_;
  const unsigned cores_;
  reactor::connection_shares shares_;
  api::kafka::huge_frames huge_frames_;
  std::vector<std::unique_ptr<core_parts>> parts_;  ///< by core
  std::unique_ptr<broker::file_store> store_;       ///< core 0's, as all below
  std::unique_ptr<broker::controller> controller_;
  std::unique_ptr<api::http::door> http_;
  std::unique_ptr<reactor::scope> life_;
  std::unique_ptr<reactor::wait_list> stop_wanted_;
  bool stopping_ = false;
  std::vector<std::string> deleted_;  ///< directories to remove in the background
  std::atomic<bool> failed_{false};
};

}  // namespace millrace::server
