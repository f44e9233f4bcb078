#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "api/http/door.hh"
#include "api/kafka/door.hh"
#include "broker/catalog/controller.hh"
#include "broker/group/coordinator_options.hh"
#include "broker/partition/broker_core.hh"
#include "storage/log_manager.hh"

/// What each room is given when the broker is put together.

namespace millrace::server {

/// Where HTTP is served.
struct http_settings {
  reactor::listen_address bind;
  api::http::door_options door;
};

struct assembly_options {
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
  api::http::process_numbers (*read_process)() = nullptr;  ///< what /metrics says of the process; null: nothing
  size_t connections_max = SIZE_MAX;                       ///< of all cores together
  size_t huge_frame_bytes = 0;                             ///< likewise
  bool recover_by_scan = false;  ///< --recover-by-scan: logs are what their segments prove (storage/scan_recovery.hh)
};

}  // namespace millrace::server
