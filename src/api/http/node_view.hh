#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/catalog/catalog.hh"
#include "broker/group/group_coordinator.hh"
#include "broker/partition/broker_core.hh"

/// What the HTTP door shows of the whole process. Lives on the door's core; what it points to belongs to the cores that it
/// names, and is looked at there.

namespace millrace::api::kafka {
class door;
}

namespace millrace::api::http {

/// How far the process is.
enum class node_state : uint8_t { starting, serving, stopping };

/// What the kernel says of the process.
struct process_numbers {
  base::duration cpu{};  ///< of all threads, since the start
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  std::optional<uint64_t> open_files;  ///< where the kernel counts them (6.2 and newer)
  uint64_t open_files_max = 0;
  base::unix_ms started_at = 0;
};

struct core_view {
  reactor::core* core = nullptr;
  broker::broker_core* broker = nullptr;
  broker::group_coordinator* groups = nullptr;
  kafka::door* door = nullptr;  ///< null until it is open
};

struct node_view {
  std::string version;
  node_state state = node_state::starting;
  std::vector<core_view> cores;                 ///< by core
  const broker::catalog* topics = nullptr;      ///< of the door's own core
  process_numbers (*read_process)() = nullptr;  ///< null: there is no process to ask (a simulated one)
};

}  // namespace millrace::api::http
