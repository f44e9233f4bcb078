#include <algorithm>

#include "broker/group/group.hh"

/// JoinGroup: who may, as whom, and whether the group must rebalance for it.

namespace millrace::broker {

namespace {

void refuse(group_waiter waiter, std::string member_id, group_error error, group_effects& out) {
  out.joins.push_back({.to = waiter, .error = error, .member_id = std::move(member_id)});
}

/// Kafka's form, which tools show and nobody reads.
std::string fresh_id(const join_request& r) { return (r.instance_id ? *r.instance_id : r.client_id) + "-" + r.fresh; }

bool has_room(const group_commons& commons, const join_request& request, const group_member* known) {
  const size_t wanted = member_bytes(request);
  if (known == nullptr) return commons.has_room_for_member(wanted);
  const size_t held = known->bytes();
  return wanted <= held || commons.has_room(wanted - held);
}

}  // namespace

void group::join(join_request request, group_waiter waiter, base::instant now, group_effects& out) {
  if (const group_error e = check_join(request); e != group_error::none) return refuse(waiter, request.member_id, e, out);
  const bool has_no_id = request.member_id.empty();
  group_member* const known =
      has_no_id && request.instance_id ? members_.find_instance(*request.instance_id) : members_.find(request.member_id);
  if (!accepts(known)) return turn_away(request, known, waiter, now, out);
  if (!supports(request)) return refuse(waiter, request.member_id, group_error::inconsistent_group_protocol, out);
  if (!has_room(commons_, request, known)) {
    return refuse(waiter, request.member_id, group_error::coordinator_not_available, out);
  }

  if (has_no_id && known != nullptr) return replace_static(*known, std::move(request), waiter, now, out);
  if (has_no_id) return join_new(std::move(request), waiter, now, out);
  if (members_.is_pending(request.member_id) && !request.instance_id) {
    std::string id = request.member_id;
    members_.remove_pending(id);
    return add_member(std::move(id), std::move(request), waiter, now, out);
  }
  const located found = locate(request.member_id, request.instance_id);
  if (found.error != group_error::none) return refuse(waiter, request.member_id, found.error, out);
  join_again(*found.member, std::move(request), waiter, now, out);
}

// ---- may it

group_error group::check_join(const join_request& request) const {
  if (id_.empty()) return group_error::invalid_group_id;
  if (request.session_timeout < options_.session_timeout_min || request.session_timeout > options_.session_timeout_max) {
    return group_error::invalid_session_timeout;
  }
  return state_ == group_state::dead ? group_error::coordinator_not_available : group_error::none;
}

/// While a rebalance goes on those count that have joined it, so that a group over its size (which may have been made
/// smaller) loses its last ones.
bool group::accepts(const group_member* known) const noexcept {
  switch (state_) {
    case group_state::empty:
    case group_state::dead:
      return true;
    case group_state::preparing_rebalance:
      return (known != nullptr && known->joining() == join_wait::rebalance) || members_.rejoined_count() < options_.size_max;
    case group_state::completing_rebalance:
    case group_state::stable:
      break;
  }
  return known != nullptr || members_.size() < options_.size_max;
}

bool group::supports(const join_request& request) const {
  if (members_.empty()) return !request.protocol_type.empty() && !request.protocols.empty();
  return request.protocol_type == protocol_type_ && members_.share_one_of(request.protocols);
}

void group::turn_away(const join_request& request, group_member* known, group_waiter waiter, base::instant now,
                      group_effects& out) {
  if (known != nullptr) remove_member(*known, out);
  if (members_.is_pending(request.member_id)) members_.remove_pending(request.member_id);
  refuse(waiter, "", group_error::group_max_size_reached, out);
  complete_if_all_joined(now, out);
}

// ---- as whom

void group::join_new(join_request request, group_waiter waiter, base::instant now, group_effects& out) {
  std::string id = fresh_id(request);
  if (request.instance_id || !request.member_id_required) {
    return add_member(std::move(id), std::move(request), waiter, now, out);
  }
  members_.add_pending(id, now + request.session_timeout);
  refuse(waiter, std::move(id), group_error::member_id_required, out);
}

void group::add_member(std::string member_id, join_request request, group_waiter waiter, base::instant now,
                       group_effects& out) {
  if (members_.empty()) protocol_type_ = request.protocol_type;
  if (initial_) member_came_ = true;
  auto made = std::make_unique<group_member>(std::move(member_id), request.instance_id);
  made->can_come_back = request.instance_id || made->id == request.member_id;
  group_member& m = members_.add(std::move(made));
  update_member(m, std::move(request));
  wait_for_rebalance(m, waiter, now);
  rebalance_or_complete(now, out);
}

/// One that is known by its id. Where nothing would change it gets the answer that it may have lost.
void group::join_again(group_member& m, join_request request, group_waiter waiter, base::instant now, group_effects& out) {
  // A second join on another connection: the first one's client has given it up, else it asks again.
  if (m.joining() != join_wait::nothing) fail_join(m, group_error::rebalance_in_progress, out);
  const bool same = m.protocols() == without_doubles(request.protocols);
  const bool leads_a_stable_one = state_ == group_state::stable && &m == leader_;
  if (state_ != group_state::preparing_rebalance && same && !leads_a_stable_one) {
    if (!m.syncing()) start_session(m, now);
    out.joins.push_back(joined(m));
    out.joins.back().to = waiter;
    return;
  }
  update_member(m, std::move(request));
  wait_for_rebalance(m, waiter, now);
  rebalance_or_complete(now, out);
}

/// A static member came back without its id (KIP-345): it gets another one, and who has the old one is fenced. A stable
/// group does not rebalance for it where its protocol stays, but what is stored must name it before it is told.
void group::replace_static(group_member& m, join_request request, group_waiter waiter, base::instant now,
                           group_effects& out) {
  if (m.joining() != join_wait::nothing) fail_join(m, group_error::fenced_instance_id, out);
  if (m.syncing()) fail_sync(m, group_error::fenced_instance_id, out);
  const std::string former_id = m.id;
  const bool may_skip = request.may_skip_assignment;
  members_.rename(m, fresh_id(request));
  update_member(m, std::move(request));
  if (state_ == group_state::stable && members_.select_protocol() == protocol_) {
    return join_after_write(m, former_id, may_skip, waiter, out);
  }
  wait_for_rebalance(m, waiter, now);
  rebalance_or_complete(now, out);
}

void group::join_after_write(group_member& m, const std::string& former_id, bool may_skip, group_waiter waiter,
                             group_effects& out) {
  members_.park_join(m, waiter, join_wait::write);
  m.written_by = not_yet_written;
  if (!may_skip && &m == leader_) m.leader_told = former_id;
  write_static_members(out);
}

void group::update_member(group_member& m, join_request request) {
  m.session_timeout = request.session_timeout;
  m.rebalance_timeout = std::max(request.rebalance_timeout, base::duration{});
  members_.set_client(m, std::move(request.client_id), std::move(request.client_host));
  members_.set_protocols(m, std::move(request.protocols));
}

// ---- what waits

/// Its session does not end it meanwhile; one that was never answered asks again after a while, if it is still there.
void group::wait_for_rebalance(group_member& m, group_waiter waiter, base::instant now) {
  members_.park_join(m, waiter, join_wait::rebalance);
  if (m.is_new) members_.sessions().arm(m, now + options_.new_member_join_timeout);
}

/// What a member of this generation is told.
join_answer group::joined(group_member& m) {
  join_answer answer{.member_id = m.id, .generation = generation_, .protocol_type = protocol_type_, .protocol = protocol_};
  answer.leader = leader_->id;
  if (&m != leader_) return answer;
  answer.members.reserve(members_.size());
  for (group_member& each : members_) answer.members.push_back({each.id, each.instance_id, each.metadata(protocol_)});
  return answer;
}

void group::answer_join(group_member& m, base::instant now, group_effects& out) {
  out.joins.push_back(joined(m));
  out.joins.back().to = members_.take_join(m);
  m.is_new = false;
  start_session(m, now);
}

void group::fail_join(group_member& m, group_error error, group_effects& out) {
  refuse(members_.take_join(m), m.id, error, out);
}

}  // namespace millrace::broker
