#include "broker/group/group_error.hh"

namespace millrace::broker {

const char* name_of(group_error error) noexcept {
  // No default: the compiler names a code that is missing here.
  switch (error) {
    case group_error::none:
      return "none";
    case group_error::invalid_group_id:
      return "invalid_group_id";
    case group_error::invalid_session_timeout:
      return "invalid_session_timeout";
    case group_error::inconsistent_group_protocol:
      return "inconsistent_group_protocol";
    case group_error::group_max_size_reached:
      return "group_max_size_reached";
    case group_error::member_id_required:
      return "member_id_required";
    case group_error::unknown_member_id:
      return "unknown_member_id";
    case group_error::illegal_generation:
      return "illegal_generation";
    case group_error::rebalance_in_progress:
      return "rebalance_in_progress";
    case group_error::fenced_instance_id:
      return "fenced_instance_id";
    case group_error::non_empty_group:
      return "non_empty_group";
    case group_error::group_id_not_found:
      return "group_id_not_found";
    case group_error::not_coordinator:
      return "not_coordinator";
    case group_error::coordinator_not_available:
      return "coordinator_not_available";
    case group_error::coordinator_load_in_progress:
      return "coordinator_load_in_progress";
    case group_error::unknown_server_error:
      return "unknown_server_error";
  }
  return "unknown";
}

}  // namespace millrace::broker
