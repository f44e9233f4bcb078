#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/tagged.hh"
#include "base/time.hh"
#include "broker/group/group_commons.hh"
#include "broker/group/group_error.hh"

/// What is asked of a group, what it answers, and what of it is stored. Plain values, which own what they have, so that they
/// may go to another core.

namespace millrace::broker {

/// Bytes that members say to each other and the broker never reads: subscriptions and assignments.
using opaque = std::vector<uint8_t>;

/// A join or sync that waits: the caller's name for it, which no other that waits at this group has.
using group_waiter = base::tagged<uint64_t, struct group_waiter_tag>;

enum class group_state : uint8_t { empty, preparing_rebalance, completing_rebalance, stable, dead };
/// Kafka's word, as DescribeGroups and ListGroups show it ("PreparingRebalance").
const char* name_of(group_state state) noexcept;

/// A way to assign that a member knows, and what it says about itself to a leader that uses it.
struct group_protocol {
  std::string name;
  opaque metadata;
  friend bool operator==(const group_protocol&, const group_protocol&) = default;
};

// ---- what is asked

/// JoinGroup.
struct join_request {
  std::string member_id;                   ///< empty: none yet
  std::optional<std::string> instance_id;  ///< group.instance.id (KIP-345)
  std::string client_id;
  std::string client_host;
  base::duration session_timeout;
  base::duration rebalance_timeout;  ///< version 0 has none: the session timeout
  std::string protocol_type;
  std::vector<group_protocol> protocols;  ///< the best first; of a name that comes twice the first counts
  /// A text that was never used before (a uuid): a new member's id is made of it.
  std::string fresh;
  bool member_id_required = true;   ///< version 4 and later: a new member is first told its id, then joins (KIP-394)
  bool may_skip_assignment = true;  ///< version 9 and later (KIP-814)
};

/// Who asks, as far as SyncGroup, Heartbeat and OffsetCommit say it.
struct member_reference {
  std::string member_id;
  std::optional<std::string> instance_id;
  int32_t generation = -1;
};

/// SyncGroup. That a version has the two names and a request does not is the door's to refuse.
struct sync_request {
  member_reference from;
  std::optional<std::string> protocol_type;  ///< version 5 and later
  std::optional<std::string> protocol;
  std::vector<std::pair<std::string, opaque>> assignments;  ///< by member id; the leader's count, others' do not
};

/// One of LeaveGroup's. An administrator names the instance alone.
struct leaving_member {
  std::string member_id;
  std::optional<std::string> instance_id;
};

// ---- what is answered

struct joined_member {
  std::string member_id;
  std::optional<std::string> instance_id;
  opaque metadata;  ///< for the protocol that was chosen
};

struct join_answer {
  group_waiter to{0};
  group_error error = group_error::none;
  std::string member_id;
  int32_t generation = -1;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol;
  std::string leader;
  bool skip_assignment = false;        ///< the leader's assignment holds, it only learns the members
  std::vector<joined_member> members;  ///< for the leader only
};

struct sync_answer {
  group_waiter to{0};
  group_error error = group_error::none;
  std::string protocol_type;
  std::string protocol;
  opaque assignment;
};

struct leave_answer {
  group_error error = group_error::none;
  std::vector<group_error> members;  ///< in the order in which they were named; none where `error` is set
};

// ---- what is stored and shown

/// A member as GroupMetadataValue has it.
struct stored_member {
  std::string member_id;
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string client_host;
  base::duration rebalance_timeout;
  base::duration session_timeout;
  opaque subscription;  ///< its metadata for the group's protocol
  opaque assignment;
};

/// A group as GroupMetadataValue has it.
struct stored_group {
  std::string protocol_type;  ///< empty: no member ever joined
  int32_t generation = 0;
  std::optional<std::string> protocol;
  std::optional<std::string> leader;
  /// Kafka's currentStateTimestamp on the monotonic clock, which may lie before its start: whoever writes or reads turns
  /// it into wall time and back.
  base::instant state_since;
  std::vector<stored_member> members;
};

/// For DescribeGroups. Metadata is shown in Stable only, and so is the protocol.
struct group_description {
  group_state state = group_state::dead;
  std::string protocol_type;
  std::string protocol;
  std::vector<stored_member> members;
};

/// One record that is to be written under the group's key; the caller reports what became of it (group::written).
struct group_write {
  group_write_id id{0};
  std::optional<stored_group> value;  ///< nullopt: a tombstone
};

/// What comes of an event, to be carried out by who reported it. Writes go into the log in this order.
struct group_effects {
  std::vector<join_answer> joins;
  std::vector<sync_answer> syncs;
  std::vector<group_write> writes;
};

}  // namespace millrace::broker
