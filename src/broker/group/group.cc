#include "broker/group/group.hh"

#include <algorithm>

namespace millrace::broker {

group::group(std::string id, group_commons& commons, base::instant now)
    : id_(std::move(id)), commons_(commons), options_(commons.options), state_since_(now), members_(commons) {}

group::~group() { drop_assignment(); }

const char* name_of(group_state state) noexcept {
  switch (state) {
    case group_state::empty:
      return "Empty";
    case group_state::preparing_rebalance:
      return "PreparingRebalance";
    case group_state::completing_rebalance:
      return "CompletingRebalance";
    case group_state::stable:
      return "Stable";
    case group_state::dead:
      return "Dead";
  }
  return "Unknown";
}

void group::enter(group_state state, base::instant now) {
  if (state_ == state) return;
  state_ = state;
  state_since_ = now;
}

// ---- who asks

/// With an instance id that one is asked for, and an id that is not its current one was replaced; else the id alone counts.
group::located group::locate(std::string_view member_id, const std::optional<std::string>& instance_id) const {
  group_member* const found = instance_id ? members_.find_instance(*instance_id) : members_.find(member_id);
  if (found == nullptr) return {nullptr, group_error::unknown_member_id};
  if (found->id != member_id) return {nullptr, group_error::fenced_instance_id};
  return {found, group_error::none};
}

group_error group::check_current(const located& found, int32_t generation) const {
  if (found.error != group_error::none) return found.error;
  return generation == generation_ ? group_error::none : group_error::illegal_generation;
}

group_error group::heartbeat(const member_reference& from, base::instant now) {
  if (id_.empty()) return group_error::invalid_group_id;
  if (state_ == group_state::dead) return group_error::coordinator_not_available;
  const located found = locate(from.member_id, from.instance_id);
  if (const group_error e = check_current(found, from.generation); e != group_error::none) return e;
  group_member& m = *found.member;
  if (m.joining() == join_wait::nothing && !m.syncing()) start_session(m, now);
  return state_ == group_state::preparing_rebalance ? group_error::rebalance_in_progress : group_error::none;
}

group_error group::check_commit(const member_reference& from, bool transactional, base::instant now) {
  if (state_ == group_state::dead) return group_error::coordinator_not_available;
  if (from.generation < 0 && state_ == group_state::empty) return group_error::none;
  if (from.generation < 0 && from.member_id.empty() && !from.instance_id) {
    return transactional ? group_error::none : group_error::unknown_member_id;
  }
  const located found = locate(from.member_id, from.instance_id);
  if (const group_error e = check_current(found, from.generation); e != group_error::none) return e;
  // It knows the generation, so it has joined it; whose the partitions are is about to be said.
  if (state_ == group_state::completing_rebalance) {
    return transactional ? group_error::none : group_error::rebalance_in_progress;
  }
  group_member& m = *found.member;
  if (m.joining() == join_wait::nothing && !m.syncing()) start_session(m, now);
  return group_error::none;
}

// ---- leave

leave_answer group::leave(std::span<const leaving_member> members, base::instant now, group_effects& out) {
  if (id_.empty()) return {group_error::invalid_group_id, {}};
  if (state_ == group_state::dead) return {group_error::coordinator_not_available, {}};
  leave_answer answer;
  const size_t before = members_.size();
  for (const leaving_member& leaving : members) answer.members.push_back(leave_one(leaving, out));
  if (members_.size() != before) {
    rebalance_or_complete(now, out);
  } else {
    complete_if_all_joined(now, out);  // all may have waited for one that was only told its id
  }
  return answer;
}

group_error group::leave_one(const leaving_member& leaving, group_effects& out) {
  if (members_.is_pending(leaving.member_id)) {
    members_.remove_pending(leaving.member_id);
    return group_error::none;
  }
  const bool instance_alone = leaving.member_id.empty() && leaving.instance_id;  // an administrator's word
  group_member* const named = instance_alone ? members_.find_instance(*leaving.instance_id) : nullptr;
  const located found =
      named != nullptr ? located{named, group_error::none} : locate(leaving.member_id, leaving.instance_id);
  if (found.member != nullptr) remove_member(*found.member, out);
  return found.error;
}

// ---- time, connections, the end

base::instant group::next_deadline() const noexcept {
  return std::min({members_.sessions().next(), join_deadline_, sync_deadline_});
}

void group::expire(base::instant now, group_effects& out) {
  while (session* ended = members_.sessions().due(now)) {
    if (members_.is_pending(ended->id)) {
      members_.remove_pending(ended->id);
      complete_if_all_joined(now, out);
    } else {
      // Only one that is new can wait here: it is told to ask again, if it is still there.
      remove_member(static_cast<group_member&>(*ended), out);
      rebalance_or_complete(now, out);
    }
  }
  if (join_deadline_ <= now) {
    if (initial_) {
      end_initial_delay(now, out);
    } else {
      complete_join(now, out);
    }
  }
  if (sync_deadline_ <= now) end_sync_wait(now, out);
}

void group::gone(group_waiter waiter, base::instant now, group_effects& out) {
  group_member* const m = members_.find_waiter(waiter);
  if (m == nullptr) return;
  if (m->syncing()) {
    members_.take_sync(*m);
  } else {
    members_.take_join(*m);
  }
  if (m->is_new && !m->can_come_back) {
    remove_member(*m, out);
    return rebalance_or_complete(now, out);
  }
  start_session(*m, now);
}

group_error group::remove(group_effects& out) {
  if (state_ == group_state::dead) return group_error::group_id_not_found;
  if (state_ != group_state::empty) return group_error::non_empty_group;
  members_.clear();  // ids that were given out
  state_ = group_state::dead;
  write(purpose::tombstone, out);
  return group_error::none;
}

void group::unload(group_effects& out) {
  answer_all(group_error::not_coordinator, out);
  drop_assignment();
  leader_ = nullptr;
  members_.clear();
  writes_.clear();
  join_deadline_ = sync_deadline_ = base::instant::never();
  state_ = group_state::dead;
}

void group::answer_all(group_error error, group_effects& out) {
  for (group_member& m : members_) {
    if (m.joining() != join_wait::nothing) fail_join(m, error, out);
    if (m.syncing()) fail_sync(m, error, out);
  }
}

bool group::idle() const noexcept {
  return (state_ == group_state::empty || state_ == group_state::dead) && members_.empty() &&
         members_.pending_count() == 0 && writes_.empty();
}

}  // namespace millrace::broker
