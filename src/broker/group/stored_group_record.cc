#include "broker/group/stored_group_record.hh"

#include <algorithm>

namespace millrace::broker {

namespace {

/// The longest time that a 64-bit count of nanoseconds and an int32 of milliseconds both hold.
int32_t milliseconds_of(base::duration d) { return static_cast<int32_t>(std::clamp<int64_t>(d.ms(), INT32_MIN, INT32_MAX)); }

opaque owned(base::bytes data) { return opaque(data.begin(), data.end()); }

stored_member from_record(const group_metadata_member& m) {
  const int32_t rebalance_ms = m.rebalance_timeout_ms < 0 ? m.session_timeout_ms : m.rebalance_timeout_ms;
  return {.member_id = std::string(m.member_id),
          .instance_id = m.group_instance_id ? std::optional<std::string>(*m.group_instance_id) : std::nullopt,
          .client_id = std::string(m.client_id),
          .client_host = std::string(m.client_host),
          .rebalance_timeout = base::milliseconds(rebalance_ms),
          .session_timeout = base::milliseconds(m.session_timeout_ms),
          .subscription = owned(m.subscription),
          .assignment = owned(m.assignment)};
}

}  // namespace

base::unix_ms wall_time_of(base::instant when, clocks at) { return at.wall - (at.now - when).ms(); }

group_metadata_value to_record(const stored_group& kept, clocks at) {
  group_metadata_value value{.protocol_type = kept.protocol_type,
                             .generation = kept.generation,
                             .protocol = kept.protocol,
                             .leader = kept.leader,
                             .current_state_timestamp = wall_time_of(kept.state_since, at),
                             .members = {}};
  value.members.reserve(kept.members.size());
  for (const stored_member& m : kept.members) {
    value.members.push_back({.member_id = m.member_id,
                             .group_instance_id = m.instance_id,
                             .client_id = m.client_id,
                             .client_host = m.client_host,
                             .rebalance_timeout_ms = milliseconds_of(m.rebalance_timeout),
                             .session_timeout_ms = milliseconds_of(m.session_timeout),
                             .subscription = base::bytes(m.subscription),
                             .assignment = base::bytes(m.assignment)});
  }
  return value;
}

stored_group from_record(const group_metadata_value& value, clocks at) {
  stored_group kept{
      .protocol_type = std::string(value.protocol_type), .generation = value.generation, .state_since = at.now};
  if (value.protocol) kept.protocol = std::string(*value.protocol);
  if (value.leader) kept.leader = std::string(*value.leader);
  const base::unix_ms since = value.current_state_timestamp;
  // Further back than the monotonic clock can say is as far as it can.
  constexpr int64_t back_max = INT64_MAX / 4 / 1000000;
  if (since >= 0 && since < at.wall) kept.state_since = at.now - base::milliseconds(std::min(at.wall - since, back_max));
  for (const group_metadata_member& m : value.members) kept.members.push_back(from_record(m));
  return kept;
}

}  // namespace millrace::broker
