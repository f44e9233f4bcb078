#include "base/result.hh"

#include <cerrno>

namespace millrace::base {

const char* name_of(errc code) noexcept {
  // No default: the compiler names a code that is missing here.
  switch (code) {
    case errc::io:
      return "io";
    case errc::no_space:
      return "no_space";
    case errc::no_memory:
      return "no_memory";
    case errc::busy:
      return "busy";
    case errc::closed:
      return "closed";
    case errc::canceled:
      return "canceled";
    case errc::timed_out:
      return "timed_out";
    case errc::not_found:
      return "not_found";
    case errc::exists:
      return "exists";
    case errc::locked:
      return "locked";
    case errc::unsupported:
      return "unsupported";
    case errc::truncated:
      return "truncated";
    case errc::malformed:
      return "malformed";
    case errc::too_large:
      return "too_large";
    case errc::corrupt:
      return "corrupt";
    case errc::foreign:
      return "foreign";
    case errc::invalid_argument:
      return "invalid_argument";
    case errc::invalid_config:
      return "invalid_config";
    case errc::invalid_topic:
      return "invalid_topic";
    case errc::invalid_partitions:
      return "invalid_partitions";
    case errc::invalid_replication_factor:
      return "invalid_replication_factor";
    case errc::invalid_replica_assignment:
      return "invalid_replica_assignment";
    case errc::invalid_record:
      return "invalid_record";
    case errc::invalid_timestamp:
      return "invalid_timestamp";
    case errc::invalid_required_acks:
      return "invalid_required_acks";
    case errc::unsupported_compression:
      return "unsupported_compression";
    case errc::unsupported_for_message_format:
      return "unsupported_for_message_format";
    case errc::out_of_range:
      return "out_of_range";
    case errc::unknown_topic_or_partition:
      return "unknown_topic_or_partition";
    case errc::unknown_topic_id:
      return "unknown_topic_id";
    case errc::inconsistent_topic_id:
      return "inconsistent_topic_id";
    case errc::topic_exists:
      return "topic_exists";
    case errc::not_leader:
      return "not_leader";
    case errc::fenced_leader_epoch:
      return "fenced_leader_epoch";
    case errc::unknown_leader_epoch:
      return "unknown_leader_epoch";
    case errc::storage:
      return "storage";
    case errc::policy_violation:
      return "policy_violation";
    case errc::record_list_too_large:
      return "record_list_too_large";
    case errc::offset_metadata_too_large:
      return "offset_metadata_too_large";
    case errc::invalid_stream:
      return "invalid_stream";
    case errc::unknown_stream:
      return "unknown_stream";
    case errc::stream_exists:
      return "stream_exists";
    case errc::out_of_order_sequence:
      return "out_of_order_sequence";
    case errc::invalid_producer_epoch:
      return "invalid_producer_epoch";
    case errc::refused:
      return "refused";
  }
  return "unknown";
}

failure fail_errno(int positive_errno) noexcept {
  switch (positive_errno) {
    case ENOSPC:
    case EDQUOT:
      return fail(errc::no_space, positive_errno);
    case EMFILE:
    case ENFILE:
      return fail(errc::busy, positive_errno);
    case ENOENT:
      return fail(errc::not_found, positive_errno);
    case EEXIST:
      return fail(errc::exists, positive_errno);
    case ECANCELED:
      return fail(errc::canceled, positive_errno);
    default:
      return fail(errc::io, positive_errno);
  }
}

}  // namespace millrace::base
