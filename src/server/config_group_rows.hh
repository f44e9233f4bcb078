#pragma once

#include <array>
#include <limits>

#include "base/limits.hh"
#include "server/config_table.hh"

/// The rows of the configuration's table that are about consumer groups and their offsets.

namespace millrace::server {

inline constexpr auto group_rows = std::to_array<row>({
    {.name = "group.initial.rebalance.delay.ms",
     .initial = "3000",
     .where = &config::group_initial_rebalance_delay_ms,
     .unit = unit::milliseconds,
     .most = std::numeric_limits<int32_t>::max(),
     .section = "Consumer groups",
     .about = "How long an empty group waits for more members before its first assignment."},
    {.name = "group.min.session.timeout.ms",
     .initial = "6000",
     .where = &config::group_min_session_timeout_ms,
     .unit = unit::milliseconds,
     .least = 1,
     .most = std::numeric_limits<int32_t>::max(),
     .about = "Shortest time without a heartbeat after which a member may ask to be taken for gone."},
    {.name = "group.max.session.timeout.ms",
     .initial = "1800000",
     .where = &config::group_max_session_timeout_ms,
     .unit = unit::milliseconds,
     .least = 1,
     .most = std::numeric_limits<int32_t>::max(),
     .about = "Longest such time."},
    {.name = "group.max.size",
     .initial = "2147483647",
     .where = &config::group_max_size,
     .least = 1,
     .most = std::numeric_limits<int32_t>::max(),
     .about = "Members of one group."},
    {.name = "offset.metadata.max.bytes",
     .initial = "4096",
     .where = &config::offset_metadata_max_bytes,
     .most = std::numeric_limits<int32_t>::max(),
     .about = "Longest text that a client may keep beside a committed offset."},
    {.name = "offsets.retention.minutes",
     .initial = "10080",
     .where = &config::offsets_retention_minutes,
     .least = 1,
     .most = std::numeric_limits<int32_t>::max(),
     .about = "How long a group's committed offsets are kept after its last member left; of offsets that no group "
              "manages, after the commit."},
    {.name = "offsets.retention.check.interval.ms",
     .initial = "600000",
     .where = &config::offsets_retention_check_interval_ms,
     .unit = unit::milliseconds,
     .least = 1,
     .about = "Time between two looks for offsets that have expired."},
    {.name = "offsets.topic.num.partitions",
     .initial = "50",
     .where = &config::offsets_topic_num_partitions,
     .least = 1,
     .most = 10000,
     .about = "Partitions of __consumer_offsets, over which groups are spread; for life, from when it is made."},
    {.name = "offsets.topic.segment.bytes",
     .initial = "104857600",
     .where = &config::offsets_topic_segment_bytes,
     .unit = unit::bytes,
     .least = base::segment_bytes_min,
     .most = base::segment_bytes_max,
     .about = "Size at which a segment of __consumer_offsets is closed, when the topic is made."},
});

}  // namespace millrace::server
