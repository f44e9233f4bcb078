#pragma once

#include <cstdint>

#include "base/result.hh"
#include "broker/group/group_error.hh"

/// Kafka's error codes: the one table from our errors to them, and names for those that only a door
/// has a use for.

namespace millrace::api::kafka {

/// The code that answers a failure.
int16_t error_code(base::error why) noexcept;
inline int16_t error_code(base::errc why) noexcept { return error_code(base::error{why, 0, 0}); }
/// The code of a group's answer.
int16_t error_code(broker::group_error why) noexcept;

namespace code {
inline constexpr int16_t unknown_server_error = -1;
inline constexpr int16_t none = 0;
inline constexpr int16_t corrupt_message = 2;
inline constexpr int16_t unknown_topic_or_partition = 3;
inline constexpr int16_t leader_not_available = 5;
inline constexpr int16_t coordinator_load_in_progress = 14;
inline constexpr int16_t coordinator_not_available = 15;
inline constexpr int16_t invalid_topic = 17;
inline constexpr int16_t unsupported_version = 35;
inline constexpr int16_t invalid_config = 40;
inline constexpr int16_t invalid_request = 42;
inline constexpr int16_t transactional_id_authorization_failed = 53;
inline constexpr int16_t fetch_session_id_not_found = 70;
inline constexpr int16_t invalid_fetch_session_epoch = 71;
inline constexpr int16_t topic_deletion_disabled = 73;
inline constexpr int16_t invalid_record = 87;
inline constexpr int16_t fetch_session_topic_id_error = 106;
inline constexpr int16_t mismatched_endpoint_type = 114;
inline constexpr int16_t unsupported_endpoint_type = 115;
inline constexpr int16_t rebootstrap_required = 129;
}  // namespace code

}  // namespace millrace::api::kafka
