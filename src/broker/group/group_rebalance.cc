#include <algorithm>
#include <vector>

#include "broker/group/group.hh"

/// A rebalance: it begins, all join or their time is over, and there is a new generation; then all must sync.

namespace millrace::broker {

namespace {

/// When nobody has joined but static members are awaited: how long until we look again, at least.
constexpr base::duration look_again_min = base::seconds(1);

int32_t after(int32_t generation) { return generation == INT32_MAX ? 1 : generation + 1; }

}  // namespace

void group::rebalance_or_complete(base::instant now, group_effects& out) {
  if (state_ == group_state::preparing_rebalance) return complete_if_all_joined(now, out);
  prepare_rebalance(now, out);
}

void group::prepare_rebalance(base::instant now, group_effects& out) {
  if (state_ == group_state::completing_rebalance) cancel_assignment(group_error::rebalance_in_progress, now, out);
  sync_deadline_ = base::instant::never();
  for (group_member& m : members_) {
    if (m.joining() == join_wait::write) members_.join_instead(m);
  }
  initial_ = state_ == group_state::empty;
  enter(group_state::preparing_rebalance, now);
  if (!initial_) {
    join_deadline_ = now + members_.rebalance_timeout();
    return complete_if_all_joined(now, out);
  }
  const base::duration delay = options_.initial_rebalance_delay;
  member_came_ = false;
  delay_left_ = std::max(members_.rebalance_timeout() - delay, base::duration{});
  join_deadline_ = now + delay;
  if (delay <= base::duration{}) complete_join(now, out);
}

/// All are there: that ends a rebalance early, but for the delay of an initial one, in which nobody knows who all are.
void group::complete_if_all_joined(base::instant now, group_effects& out) {
  if (state_ != group_state::preparing_rebalance) return;
  const bool all = !initial_ && members_.rejoined_count() == members_.size() && members_.pending_count() == 0;
  if (all || members_.empty()) complete_join(now, out);
}

void group::end_initial_delay(base::instant now, group_effects& out) {
  if (!member_came_ || delay_left_ == base::duration{}) return complete_join(now, out);
  const base::duration step = std::min(options_.initial_rebalance_delay, delay_left_);
  member_came_ = false;
  delay_left_ = delay_left_ - step;
  join_deadline_ = now + step;
}

/// Who has not joined is out, but for static members: they have until their session ends.
void group::complete_join(base::instant now, group_effects& out) {
  initial_ = false;
  join_deadline_ = base::instant::never();
  remove_members([](const group_member& m) { return m.joining() != join_wait::rebalance && !m.instance_id; }, out);
  if (members_.empty()) return become_empty(now, out);
  if (members_.rejoined_count() > 0) return next_generation(now, out);
  join_deadline_ = now + std::max(members_.rebalance_timeout(), look_again_min);
}

void group::become_empty(base::instant now, group_effects& out) {
  generation_ = after(generation_);
  protocol_.clear();
  enter(group_state::empty, now);
  write(purpose::empty, out);
}

void group::next_generation(base::instant now, group_effects& out) {
  const auto has_joined = [](const group_member& m) { return m.joining() == join_wait::rebalance; };
  if (leader_ == nullptr || !has_joined(*leader_)) {
    for (group_member& m : members_) {
      if (!has_joined(m)) continue;
      leader_ = &m;
      break;
    }
  }
  generation_ = after(generation_);
  protocol_ = members_.select_protocol();
  enter(group_state::completing_rebalance, now);
  sync_deadline_ = now + members_.rebalance_timeout();
  for (group_member& m : members_) {
    m.must_sync = true;
    if (has_joined(m)) answer_join(m, now, out);
  }
}

/// Who has joined and does not ask for its assignment is out.
void group::end_sync_wait(base::instant now, group_effects& out) {
  sync_deadline_ = base::instant::never();
  if (remove_members([](const group_member& m) { return m.must_sync; }, out) > 0) rebalance_or_complete(now, out);
}

// ---- who is out

template <class Predicate>
size_t group::remove_members(Predicate&& which, group_effects& out) {
  std::vector<group_member*> leaving;
  for (group_member& m : members_) {
    if (which(m)) leaving.push_back(&m);
  }
  for (group_member* m : leaving) remove_member(*m, out);
  return leaving.size();
}

/// Of what follows for the others the caller thinks. What waits is told that it is no member: if it is still there it joins
/// as a new one.
void group::remove_member(group_member& m, group_effects& out) {
  if (m.joining() != join_wait::nothing) fail_join(m, group_error::unknown_member_id, out);
  if (m.syncing()) fail_sync(m, group_error::unknown_member_id, out);
  const bool led = &m == leader_;
  members_.remove(m);
  if (led) leader_ = members_.empty() ? nullptr : &*members_.begin();
}

}  // namespace millrace::broker
