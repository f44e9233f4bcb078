#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/http/door.hh"
#include "api/kafka/door.hh"
#include "broker/catalog/controller.hh"
#include "broker/group/coordinator_options.hh"
#include "reactor/machine.hh"
#include "server/assembly_options.hh"
#include "server/config_load.hh"
#include "storage/log_manager.hh"

/// The configuration in the words of the rooms below: what each of them is given at start. Plain functions.

namespace millrace::server {

/// `cpus`: one core on each. `memory_bytes`: of the whole process.
reactor::machine_options machine_settings(const config& from, std::vector<unsigned> cpus, uint64_t memory_bytes);
/// What all cores together may hold of frames that do not fit their buffers.
uint64_t huge_frame_bytes(const config& from, size_t cores, uint64_t memory_bytes);
/// What the settings allow and the memory does not hold: `memory_bytes` of the whole process, `core_memory_bytes` of each
/// core's buffers.
std::vector<std::string> memory_warnings(const config& from, size_t cores, uint64_t memory_bytes,
                                         uint64_t core_memory_bytes);
broker::producer_options producer_settings(const config& from);
broker::retention_options retention_settings(const config& from);
broker::compaction_keeper_options compaction_keeper_settings(const config& from);
storage::storage_options storage_settings(const config& from, unsigned cores);
broker::coordinator_options coordinator_settings(const config& from);
/// `memory_bytes`: of the whole process.
broker::controller_options controller_settings(const loaded_config& loaded, unsigned cores, uint64_t memory_bytes);
api::kafka::door_options door_settings(const config& from);
/// Where HTTP is served, if it is.
std::optional<http_settings> http_door_settings(const config& from);
/// Of all connections together: max.connections, at most what the cores serve and the open files allow.
uint64_t connections_limit(const config& from, unsigned cores, uint64_t open_files);
/// Each listener with what it tells clients.
std::vector<api::kafka::door_listener> listener_settings(const config& from);
/// By core, beside the first of the listeners; none where cores have no listeners of their own.
std::vector<api::kafka::door_listener> core_listener_settings(const config& from, const api::kafka::door_listener& first,
                                                              unsigned cores);

}  // namespace millrace::server
