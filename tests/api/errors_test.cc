#include "api/kafka/errors.hh"

#include <doctest/doctest.h>

#include <string_view>

namespace millrace::api::kafka {

using base::errc;

TEST_CASE("errors: each failure has Kafka's code") {
  struct row {
    errc why;
    int16_t code;
  };
  const row rows[] = {
      {errc::out_of_range, 1},
      {errc::corrupt, 2},
      {errc::unknown_topic_or_partition, 3},
      {errc::not_leader, 6},
      {errc::closed, 6},
      {errc::timed_out, 7},
      {errc::too_large, 10},
      {errc::invalid_topic, 17},
      {errc::record_list_too_large, 18},
      {errc::offset_metadata_too_large, 12},
      {errc::invalid_required_acks, 21},
      {errc::invalid_timestamp, 32},
      {errc::unsupported, 35},
      {errc::topic_exists, 36},
      {errc::invalid_partitions, 37},
      {errc::invalid_replication_factor, 38},
      {errc::invalid_replica_assignment, 39},
      {errc::invalid_config, 40},
      {errc::invalid_argument, 42},
      {errc::unsupported_for_message_format, 43},
      {errc::policy_violation, 44},
      {errc::storage, 56},
      {errc::no_space, 56},
      {errc::io, 56},
      {errc::fenced_leader_epoch, 74},
      {errc::unknown_leader_epoch, 75},
      {errc::unsupported_compression, 76},
      {errc::invalid_record, 87},
      {errc::unknown_topic_id, 100},
      {errc::inconsistent_topic_id, 103},
      {errc::invalid_stream, 17},
      {errc::unknown_stream, 3},
      {errc::stream_exists, 36},
  };
  for (const row& r : rows) {
    CAPTURE(base::name_of(r.why));
    CHECK(error_code(r.why) == r.code);
  }
}

TEST_CASE("errors: no failure is answered as none") {
  for (uint16_t i = 1; std::string_view(base::name_of(static_cast<errc>(i))) != "unknown"; ++i) {
    CAPTURE(base::name_of(static_cast<errc>(i)));
    CHECK(error_code(static_cast<errc>(i)) != 0);
  }
}

}  // namespace millrace::api::kafka
