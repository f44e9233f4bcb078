#include "base/mutant.hh"
#include "broker/group/group.hh"

/// SyncGroup: the leader says who does what; nobody is told before that is durable.

namespace millrace::broker {

void group::sync(sync_request request, group_waiter waiter, base::instant now, group_effects& out) {
  const located found = locate(request.from.member_id, request.from.instance_id);
  if (const group_error e = check_sync(request, found); e != group_error::none) {
    out.syncs.push_back({.to = waiter, .error = e});
    return;
  }
  group_member& m = *found.member;
  // A second one on another connection, as with joins.
  if (m.syncing()) fail_sync(m, group_error::rebalance_in_progress, out);
  m.must_sync = false;
  members_.park_sync(m, waiter);
  if (state_ == group_state::stable) return answer_sync(m, now, out);
  if (&m == leader_ && !assigning_) lead(m, std::move(request.assignments), now, out);
}

group_error group::check_sync(const sync_request& request, const located& found) const {
  if (id_.empty()) return group_error::invalid_group_id;
  if (state_ == group_state::dead) return group_error::coordinator_not_available;
  if (const group_error e = check_current(found, request.from.generation); e != group_error::none) return e;
  if ((request.protocol_type && *request.protocol_type != protocol_type_) ||
      (request.protocol && *request.protocol != protocol_)) {
    return group_error::inconsistent_group_protocol;
  }
  return state_ == group_state::preparing_rebalance ? group_error::rebalance_in_progress : group_error::none;
}

/// Of a member that is named twice the last assignment counts; one that nobody knows is passed over.
void group::lead(group_member& leader, std::vector<std::pair<std::string, opaque>> assignments, base::instant now,
                 group_effects& out) {
  size_t size = 0;
  for (const auto& [id, assignment] : assignments) size += assignment.size();
  if (!commons_.has_room(size)) {
    leader.must_sync = true;
    fail_sync(leader, group_error::coordinator_not_available, out);
    return start_session(leader, now);
  }
  commons_.take(size);
  assigning_bytes_ = size;
  assigning_.emplace();
  for (auto& [id, assignment] : assignments) {
    if (const group_member* m = members_.find(id)) (*assigning_)[m] = std::move(assignment);
  }
  assigning_by_ = write(purpose::assignment, out);
}

void group::assigned(group_error outcome, base::instant now, group_effects& out) {
  if (outcome != group_error::none) {
    cancel_assignment(outcome, now, out);
    return prepare_rebalance(now, out);
  }
  auto assignments = std::move(*assigning_);
  drop_assignment();
  enter(group_state::stable, now);
  for (group_member& m : members_) {
    const auto found = assignments.find(&m);
    members_.set_assignment(m, found == assignments.end() ? opaque() : std::move(found->second));
    if (m.syncing()) answer_sync(m, now, out);
  }
}

/// There will be no assignment in this generation.
void group::cancel_assignment(group_error told, base::instant now, group_effects& out) {
  drop_assignment();
  for (group_member& m : members_) {
    members_.set_assignment(m, {});
    if (!m.syncing()) continue;
    fail_sync(m, told, out);
    start_session(m, now);
  }
}

void group::drop_assignment() noexcept {
  commons_.give_back(std::exchange(assigning_bytes_, 0));
  assigning_.reset();
  assigning_by_ = not_yet_written;
}

void group::answer_sync(group_member& m, base::instant now, group_effects& out) {
  const group_member& of = base::mutated(base::mutant::two_owners) ? *leader_ : m;
  out.syncs.push_back({members_.take_sync(m), group_error::none, protocol_type_, protocol_, of.assignment});
  if (m.joining() == join_wait::nothing) start_session(m, now);
}

void group::fail_sync(group_member& m, group_error error, group_effects& out) {
  out.syncs.push_back({.to = members_.take_sync(m), .error = error});
}

}  // namespace millrace::broker
