#include <algorithm>
#include <set>

#include "broker/group/consumer_subscription.hh"
#include "broker/group/group.hh"

/// What of a group outlives its core: what is written and what follows when it is durable, what is taken over at a start,
/// and what is shown.

namespace millrace::broker {

// ---- written

group_write_id group::write(purpose why, group_effects& out) {
  const group_write_id id = commons_.next_write();
  writes_.push_back({id, why});
  out.writes.push_back({id, why == purpose::tombstone ? std::nullopt : std::optional(stored())});
  return id;
}

/// One at a time: when many static members come back at once, those that come meanwhile share the next write.
void group::write_static_members(group_effects& out) {
  const auto is_of_static = [](const pending_write& w) { return w.why == purpose::static_member; };
  if (std::ranges::any_of(writes_, is_of_static)) return;
  const group_write_id id = write(purpose::static_member, out);
  for (group_member& m : members_) {
    if (m.joining() == join_wait::write) m.written_by = id;
  }
}

void group::written(group_write_id id, group_error outcome, base::instant now, group_effects& out) {
  const auto found = std::ranges::find(writes_, id, &pending_write::id);
  if (found == writes_.end()) return;
  const purpose why = found->why;
  writes_.erase(found);
  switch (why) {
    case purpose::assignment:  // unless another rebalance has begun
      if (assigning_by_ == id) assigned(outcome, now, out);
      break;
    case purpose::static_member:
      static_members_written(id, outcome, now, out);
      break;
    case purpose::empty:
      break;
    case purpose::tombstone:
      if (outcome != group_error::none) state_ = group_state::empty;
      break;
  }
}

/// A new id that could not be written stays: nobody knows it, and who asked asks again by its instance.
void group::static_members_written(group_write_id id, group_error outcome, base::instant now, group_effects& out) {
  bool more = false;
  for (group_member& m : members_) {
    if (m.joining() != join_wait::write) continue;
    if (m.written_by != id) {
      more = true;
    } else if (outcome != group_error::none) {
      fail_join(m, outcome, out);
      out.joins.back().member_id.clear();
      start_session(m, now);
    } else if (m.leader_told) {
      const std::string told = *m.leader_told;
      answer_join(m, now, out);
      out.joins.back().leader = told;
      out.joins.back().members.clear();
    } else {
      answer_join(m, now, out);
      out.joins.back().skip_assignment = &m == leader_;
    }
  }
  if (more) write_static_members(out);
}

stored_member group::stored(const group_member& m) const {
  stored_member kept{
      m.id,        m.instance_id, m.client_id, m.client_host, m.rebalance_timeout, m.session_timeout, m.metadata(protocol_),
      m.assignment};
  if (assigning_) {
    const auto found = assigning_->find(&m);
    kept.assignment = found == assigning_->end() ? opaque() : found->second;
  }
  return kept;
}

stored_group group::stored() {
  stored_group kept{.protocol_type = protocol_type_, .generation = generation_, .state_since = state_since_};
  if (!protocol_.empty()) kept.protocol = protocol_;
  if (leader_ != nullptr) kept.leader = leader_->id;
  kept.members.reserve(members_.size());
  for (group_member& m : members_) kept.members.push_back(stored(m));
  return kept;
}

// ---- taken over

namespace {

bool is_well_formed(const stored_group& kept) {
  if (kept.generation < 0) return false;
  if (!kept.members.empty() && (!kept.protocol || kept.protocol->empty())) return false;
  std::set<std::string_view> ids;
  std::set<std::string_view> instances;
  return std::ranges::all_of(kept.members, [&](const stored_member& m) {
    return !m.member_id.empty() && ids.insert(m.member_id).second &&
           (!m.instance_id || instances.insert(*m.instance_id).second);
  });
}

}  // namespace

base::result<void> group::restore(stored_group kept, base::instant now, group_effects& out) {
  ASSERT(idle() && state_ == group_state::empty && generation_ == 0);
  if (!is_well_formed(kept)) return base::fail(base::errc::malformed);
  generation_ = kept.generation;
  protocol_type_ = std::move(kept.protocol_type);
  state_since_ = std::min(kept.state_since, now);
  if (kept.members.empty()) return {};

  protocol_ = std::move(*kept.protocol);
  for (stored_member& m : kept.members) take_over(m, now);
  leader_ = kept.leader ? members_.find(*kept.leader) : nullptr;
  if (leader_ == nullptr) leader_ = &*members_.begin();
  state_ = group_state::stable;
  if (members_.size() > options_.size_max) prepare_rebalance(now, out);
  return {};
}

void group::take_over(stored_member& kept, base::instant now) {
  group_member& m = members_.add(std::make_unique<group_member>(std::move(kept.member_id), std::move(kept.instance_id)));
  m.is_new = false;
  m.can_come_back = true;
  m.session_timeout = kept.session_timeout;
  m.rebalance_timeout = std::max(kept.rebalance_timeout, base::duration{});
  members_.set_client(m, std::move(kept.client_id), std::move(kept.client_host));
  members_.set_protocols(m, {{protocol_, std::move(kept.subscription)}});
  members_.set_assignment(m, std::move(kept.assignment));
  start_session(m, now);
}

// ---- shown

std::optional<std::vector<std::string>> group::subscribed_topics() {
  std::vector<base::bytes> subscriptions;
  for (group_member& m : members_) subscriptions.emplace_back(m.metadata(protocol_));
  const auto topics = broker::subscribed_topics(protocol_type_, subscriptions);
  if (!topics) return std::nullopt;
  return std::vector<std::string>(topics->begin(), topics->end());
}

group_description group::describe() {
  group_description shown{.state = state_, .protocol_type = protocol_type_};
  const bool is_stable = state_ == group_state::stable;
  if (is_stable) shown.protocol = protocol_;
  for (group_member& m : members_) {
    shown.members.push_back(stored(m));
    shown.members.back().assignment = m.assignment;
    if (!is_stable) shown.members.back().subscription.clear();
  }
  return shown;
}

}  // namespace millrace::broker
