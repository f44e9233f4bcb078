#include "api/kafka/errors.hh"

namespace millrace::api::kafka {

int16_t error_code(base::error why) noexcept {
  using base::errc;
  // No default: the compiler names a code that is missing here.
  switch (why.code) {
    case errc::io:
    case errc::no_space:
    case errc::storage:
    case errc::no_memory:  // of these two: clients try again, and find what they need elsewhere or
                           // later
    case errc::busy:
      return 56;  // KAFKA_STORAGE_ERROR
    case errc::closed:
    case errc::canceled:
    case errc::not_leader:
      return 6;  // NOT_LEADER_OR_FOLLOWER
    case errc::timed_out:
      return 7;  // REQUEST_TIMED_OUT
    case errc::not_found:
    case errc::unknown_topic_or_partition:
      return code::unknown_topic_or_partition;
    case errc::exists:
    case errc::topic_exists:
      return 36;  // TOPIC_ALREADY_EXISTS
    case errc::locked:
    case errc::refused:
      return code::unknown_server_error;
    case errc::unsupported:
      return code::unsupported_version;
    case errc::truncated:
    case errc::malformed:
    case errc::invalid_record:
      return 87;  // INVALID_RECORD
    case errc::too_large:
      return 10;  // MESSAGE_TOO_LARGE
    case errc::corrupt:
    case errc::foreign:
      return 2;  // CORRUPT_MESSAGE
    case errc::invalid_argument:
      return code::invalid_request;
    case errc::invalid_config:
      return code::invalid_config;
    case errc::invalid_topic:
      return code::invalid_topic;
    case errc::invalid_partitions:
      return 37;
    case errc::invalid_replication_factor:
      return 38;
    case errc::invalid_replica_assignment:
      return 39;
    case errc::invalid_timestamp:
      return 32;
    case errc::invalid_required_acks:
      return 21;
    case errc::unsupported_compression:
      return 76;
    case errc::unsupported_for_message_format:
      return 43;
    case errc::out_of_range:
      return 1;
    case errc::unknown_topic_id:
      return 100;
    case errc::inconsistent_topic_id:
      return 103;
    case errc::fenced_leader_epoch:
      return 74;
    case errc::unknown_leader_epoch:
      return 75;
    case errc::policy_violation:
      return 44;
    case errc::record_list_too_large:
      return 18;
    case errc::offset_metadata_too_large:
      return 12;
    // Kafka has no streams; to it they are a part of topics' names.
    case errc::invalid_stream:
      return code::invalid_topic;
    case errc::unknown_stream:
      return code::unknown_topic_or_partition;
    case errc::stream_exists:
      return 36;
    case errc::out_of_order_sequence:
      return 45;  // OUT_OF_ORDER_SEQUENCE_NUMBER
    case errc::invalid_producer_epoch:
      return 47;  // INVALID_PRODUCER_EPOCH
  }
  return code::unknown_server_error;
}

int16_t error_code(broker::group_error why) noexcept {
  using broker::group_error;
  switch (why) {
    case group_error::none:
      return code::none;
    case group_error::invalid_group_id:
      return 24;
    case group_error::invalid_session_timeout:
      return 26;
    case group_error::inconsistent_group_protocol:
      return 23;
    case group_error::group_max_size_reached:
      return 81;
    case group_error::member_id_required:
      return 79;
    case group_error::unknown_member_id:
      return 25;
    case group_error::illegal_generation:
      return 22;
    case group_error::rebalance_in_progress:
      return 27;
    case group_error::fenced_instance_id:
      return 82;
    case group_error::non_empty_group:
      return 68;
    case group_error::group_id_not_found:
      return 69;
    case group_error::not_coordinator:
      return 16;
    case group_error::coordinator_not_available:
      return code::coordinator_not_available;
    case group_error::coordinator_load_in_progress:
      return code::coordinator_load_in_progress;
    case group_error::unknown_server_error:
      return code::unknown_server_error;
  }
  return code::unknown_server_error;
}

}  // namespace millrace::api::kafka
