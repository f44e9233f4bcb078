#pragma once

#include <cstdint>

/// What a group answers. Kafka's words; the doors map them to Kafka's numbers in their one table of errors.

namespace millrace::broker {

enum class group_error : uint8_t {
  none = 0,
  // Who asks must ask differently, or somewhere else.
  invalid_group_id,
  invalid_session_timeout,
  inconsistent_group_protocol,
  group_max_size_reached,
  member_id_required,     ///< join again with the id that comes along (KIP-394)
  unknown_member_id,      ///< join again without an id
  illegal_generation,     ///< join again
  rebalance_in_progress,  ///< join again
  fenced_instance_id,     ///< another one has taken this instance id (KIP-345): stop
  // The group.
  non_empty_group,
  group_id_not_found,
  // The coordinator.
  not_coordinator,               ///< it is elsewhere
  coordinator_not_available,     ///< try again; also where this core's groups hold all that they may
  coordinator_load_in_progress,  ///< try again
  unknown_server_error,          ///< what was to be written is refused for good (it is too large)
};

/// The word as it stands above.
const char* name_of(group_error error) noexcept;

}  // namespace millrace::broker
