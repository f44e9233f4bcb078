#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/intrusive_list.hh"
#include "base/time.hh"
#include "broker/group/group_words.hh"
#include "broker/group/session_queue.hh"

/// One member of a classic group. Owned by its group's group_members, which changes what must agree with the others: ids,
/// protocols and what waits.

namespace millrace::broker {

struct group_member_tag;

/// What a member's join waits for.
enum class join_wait : uint8_t {
  nothing,
  rebalance,  ///< until all have joined
  write,      ///< until it is durable that this static member has a new id
};

/// What the next static members' write will be called: it waits for the one on its way.
inline constexpr group_write_id not_yet_written{0};

class group_member : public session, public base::list_hook<group_member_tag> {
 public:
  group_member(std::string member_id, std::optional<std::string> instance)
      : session(std::move(member_id)), instance_id(std::move(instance)) {}

  const std::optional<std::string> instance_id;  ///< a static member's
  std::string client_id;
  std::string client_host;
  base::duration session_timeout;
  base::duration rebalance_timeout;
  opaque assignment;

  bool is_new = true;          ///< no join was answered yet: it cannot send heartbeats
  bool can_come_back = false;  ///< it knows its id or has an instance; else only its waiting join can speak for it
  bool must_sync = false;      ///< it has not asked for its assignment in this generation

  /// Of a static leader that came back below version 9: it is told its old id, so that it takes itself for a follower.
  std::optional<std::string> leader_told;
  group_write_id written_by = not_yet_written;  ///< while its join waits for a write

  const std::vector<group_protocol>& protocols() const noexcept { return protocols_; }
  /// What it says about itself for that protocol; empty where it does not know it.
  const opaque& metadata(std::string_view protocol) const noexcept;

  join_wait joining() const noexcept { return joining_; }
  bool syncing() const noexcept { return syncing_; }

  /// What it holds: texts, metadata, assignment, and what a member costs by itself.
  size_t bytes() const noexcept;

 private:
  friend class group_members;
  std::vector<group_protocol> protocols_;  ///< no name twice
  join_wait joining_ = join_wait::nothing;
  bool syncing_ = false;
  group_waiter join_waiter_{0};
  group_waiter sync_waiter_{0};
  size_t counted_ = 0;  ///< of its bytes
};

/// A new member that was told its id and has not come back with it (KIP-394).
class pending_member : public session {
 public:
  using session::session;
  size_t bytes() const noexcept;
};

/// `given` without the names that came before in it.
std::vector<group_protocol> without_doubles(std::vector<group_protocol> given);
/// What a member made of this would hold, its assignment aside.
size_t member_bytes(const join_request& request) noexcept;

}  // namespace millrace::broker
