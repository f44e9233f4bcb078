#include "broker/group/group_members.hh"

#include <algorithm>
#include <utility>

namespace millrace::broker {

group_member* group_members::find(std::string_view member_id) const {
  const auto found = by_id_.find(member_id);
  return found == by_id_.end() ? nullptr : found->second.get();
}

group_member* group_members::find_instance(std::string_view instance_id) const {
  const auto found = by_instance_.find(instance_id);
  return found == by_instance_.end() ? nullptr : found->second;
}

group_member* group_members::find_waiter(group_waiter waiter) const {
  const auto found = waiters_.find(waiter.value());
  return found == waiters_.end() ? nullptr : found->second;
}

// ---- who is one

group_member& group_members::add(std::unique_ptr<group_member> member) {
  group_member& m = *member;
  ASSERT(by_id_.emplace(m.id, std::move(member)).second);
  if (m.instance_id) ASSERT(by_instance_.emplace(*m.instance_id, &m).second);
  order_.push_back(m);
  recount(m);
  return m;
}

void group_members::remove(group_member& m) {
  ASSERT(m.joining_ == join_wait::nothing && !m.syncing_);
  uncount_protocols(m);
  sessions_.drop(m);
  if (m.instance_id) by_instance_.erase(*m.instance_id);
  commons_.give_back(m.counted_);
  bytes_ -= m.counted_;
  by_id_.erase(by_id_.find(m.id));
}

void group_members::rename(group_member& m, std::string member_id) {
  auto entry = by_id_.extract(by_id_.find(m.id));
  entry.key() = member_id;
  m.id = std::move(member_id);
  ASSERT(by_id_.insert(std::move(entry)).inserted);
  recount(m);
}

void group_members::set_protocols(group_member& m, std::vector<group_protocol> protocols) {
  uncount_protocols(m);
  m.protocols_ = without_doubles(std::move(protocols));
  count_protocols(m);
  recount(m);
}

void group_members::set_assignment(group_member& m, opaque assignment) {
  m.assignment = std::move(assignment);
  recount(m);
}

void group_members::set_client(group_member& m, std::string client_id, std::string client_host) {
  m.client_id = std::move(client_id);
  m.client_host = std::move(client_host);
  recount(m);
}

void group_members::clear() {
  sessions_.clear();
  waiters_.clear();
  by_instance_.clear();
  by_id_.clear();
  pending_.clear();
  knowing_.clear();
  rejoined_ = 0;
  commons_.give_back(std::exchange(bytes_, 0));
}

void group_members::recount(group_member& m) {
  const size_t before = std::exchange(m.counted_, m.bytes());
  commons_.give_back(before);
  commons_.take(m.counted_);
  bytes_ = bytes_ - before + m.counted_;
}

// ---- who will be one

void group_members::add_pending(std::string member_id, base::instant expires) {
  auto member = std::make_unique<pending_member>(member_id);
  const size_t held = member->bytes();
  commons_.take(held);
  bytes_ += held;
  const auto [at, is_new] = pending_.emplace(std::move(member_id), std::move(member));
  ASSERT(is_new);
  sessions_.arm(*at->second, expires);
}

void group_members::remove_pending(std::string_view member_id) {
  const auto found = pending_.find(member_id);
  ASSERT(found != pending_.end());
  sessions_.drop(*found->second);
  const size_t held = found->second->bytes();
  commons_.give_back(held);
  bytes_ -= held;
  pending_.erase(found);
}

// ---- protocols

void group_members::count_protocols(const group_member& m) {
  for (const group_protocol& p : m.protocols_) ++knowing_[p.name];
}

void group_members::uncount_protocols(const group_member& m) {
  for (const group_protocol& p : m.protocols_) {
    const auto found = knowing_.find(p.name);
    if (--found->second == 0) knowing_.erase(found);
  }
}

bool group_members::all_know(std::string_view protocol) const {
  const auto found = knowing_.find(protocol);
  return found != knowing_.end() && found->second == by_id_.size();
}

bool group_members::share_one_of(const std::vector<group_protocol>& protocols) const {
  return std::ranges::any_of(protocols, [&](const group_protocol& p) { return all_know(p.name); });
}

std::string group_members::select_protocol() {
  ASSERT(!empty());
  std::map<std::string_view, size_t> votes;
  for (const group_member& m : order_) {
    const auto best = std::ranges::find_if(m.protocols_, [&](const group_protocol& p) { return all_know(p.name); });
    ASSERT(best != m.protocols_.end());
    ++votes[best->name];
  }
  std::string_view chosen;
  size_t most = 0;
  for (const group_protocol& p : order_.front().protocols_) {
    const auto found = votes.find(p.name);
    if (found == votes.end() || found->second <= most) continue;
    chosen = p.name;
    most = found->second;
  }
  return std::string(chosen);
}

base::duration group_members::rebalance_timeout() {
  base::duration longest;
  for (const group_member& m : order_) longest = std::max(longest, m.rebalance_timeout);
  return longest;
}

// ---- what waits

void group_members::park_join(group_member& m, group_waiter waiter, join_wait wait) {
  ASSERT(m.joining_ == join_wait::nothing && wait != join_wait::nothing);
  ASSERT(waiters_.emplace(waiter.value(), &m).second);
  m.joining_ = wait;
  m.join_waiter_ = waiter;
  if (wait == join_wait::rebalance) ++rejoined_;
  sessions_.disarm(m);
}

void group_members::park_sync(group_member& m, group_waiter waiter) {
  ASSERT(!m.syncing_);
  ASSERT(waiters_.emplace(waiter.value(), &m).second);
  m.syncing_ = true;
  m.sync_waiter_ = waiter;
  sessions_.disarm(m);
}

group_waiter group_members::take_join(group_member& m) {
  ASSERT(m.joining_ != join_wait::nothing);
  if (m.joining_ == join_wait::rebalance) --rejoined_;
  m.joining_ = join_wait::nothing;
  m.leader_told.reset();
  waiters_.erase(m.join_waiter_.value());
  return m.join_waiter_;
}

group_waiter group_members::take_sync(group_member& m) {
  ASSERT(m.syncing_);
  m.syncing_ = false;
  waiters_.erase(m.sync_waiter_.value());
  return m.sync_waiter_;
}

void group_members::join_instead(group_member& m) {
  ASSERT(m.joining_ == join_wait::write);
  m.joining_ = join_wait::rebalance;
  m.leader_told.reset();
  ++rejoined_;
}

}  // namespace millrace::broker
