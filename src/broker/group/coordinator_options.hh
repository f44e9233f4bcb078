#pragma once

#include <cstdint>
#include <string_view>

#include "broker/group/committed_offsets.hh"
#include "broker/group/group_commons.hh"

/// What the operator decided about groups and their offsets, in Kafka's keys and defaults.

namespace millrace::broker {

struct coordinator_options {
  group_options groups;
  int32_t offset_metadata_max = offset_metadata_max_default;        ///< offset.metadata.max.bytes
  int64_t offsets_retention_ms = int64_t{7 * 24 * 60} * 60 * 1000;  ///< offsets.retention.minutes (10080)
  base::duration retention_check = base::seconds(600);              ///< offsets.retention.check.interval.ms
  /// What the groups of one core may hold together; 0: a sixteenth of the core's memory.
  size_t bytes_max = 0;
};

}  // namespace millrace::broker
