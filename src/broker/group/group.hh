#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hh"
#include "broker/group/group_members.hh"

/// One classic consumer group as its coordinator sees it: Kafka's state machine (KIP-62, KIP-345, KIP-394, KIP-814), and
/// nothing else. An event in, effects out: it reads no clock, draws no number, opens nothing and suspends nowhere. Lives on
/// the core that coordinates it.
///
/// Who owns it promises:
/// - `now` never goes back, and expire() is called when next_deadline() has come; an early call does no harm.
/// - A waiter is answered exactly once, by an answer in the effects of this or a later event, unless gone() came first.
/// - Each write goes into the log in the order of the effects, and written() says what became of it. Until then the answers
///   that depend on it stay here: the assignments of SyncGroup, and the new id of a static member in a stable group. That a
///   group became empty is written and nobody waits for it; where that fails it is empty all the same.
/// - A group that is not there answers like a fresh one, but for commits (Kafka: generation >= 0 has its own error), delete
///   and describe. So a group is made for a join without member id, and may be dropped when it is idle and has no offsets.
///
/// The bytes that its members hold (texts, protocols' metadata, assignments) are counted in group_commons, which bounds
/// all groups of a core: what would exceed that is refused with coordinator_not_available. Effects are not counted.

namespace millrace::broker {

class group {
 public:
  group(std::string id, group_commons& commons, base::instant now);
  ~group();
  group(const group&) = delete;
  group& operator=(const group&) = delete;

  // ---- requests; answers of the first two are in the effects, now or later

  void join(join_request request, group_waiter waiter, base::instant now, group_effects& out);
  void sync(sync_request request, group_waiter waiter, base::instant now, group_effects& out);
  /// rebalance_in_progress: the member shall join again; its session goes on.
  group_error heartbeat(const member_reference& from, base::instant now);
  leave_answer leave(std::span<const leaving_member> members, base::instant now, group_effects& out);
  /// Whether an OffsetCommit of `from` may be written (a generation below 0: of nobody, which an empty group allows). Where
  /// it may, the member's session goes on. `transactional`: TxnOffsetCommit.
  group_error check_commit(const member_reference& from, bool transactional, base::instant now);
  /// DeleteGroups: non_empty_group, group_id_not_found (it is dead), or none: it is dead and a tombstone is to be written.
  /// Where that fails it is empty again. What else is stored under its id is the caller's.
  group_error remove(group_effects& out);

  // ---- what else happens

  /// Sessions, rebalances and syncs whose time is over.
  void expire(base::instant now, group_effects& out);
  base::instant next_deadline() const noexcept;
  /// What became of a write. `outcome` none: it is durable; else what those who wait for it are told
  /// (coordinator_not_available or not_coordinator: they try again). A number that is not known, as after unload, is
  /// ignored.
  void written(group_write_id id, group_error outcome, base::instant now, group_effects& out);
  /// The connection of one that waits is gone: it is not answered. Its member's session runs from now; one that never learnt
  /// its id is removed. One that does not wait (any more) is ignored.
  void gone(group_waiter waiter, base::instant now, group_effects& out);
  /// The coordinator moves or stops: all that wait are answered not_coordinator, and the group is dead.
  void unload(group_effects& out);
  /// A fresh group becomes what the log has: Stable where it has members, whose sessions start now. More members than may
  /// be begin a rebalance. Errors: malformed (an id or instance comes twice or is empty, a negative generation, members
  /// without a protocol); then the group is as fresh as before.
  base::result<void> restore(stored_group kept, base::instant now, group_effects& out);

  // ---- what it is

  const std::string& id() const noexcept { return id_; }
  group_state state() const noexcept { return state_; }
  base::instant state_since() const noexcept { return state_since_; }
  /// Grows with each rebalance that ends; 0: none ever did.
  int32_t generation() const noexcept { return generation_; }
  const std::string& protocol_type() const noexcept { return protocol_type_; }  ///< empty: no member ever joined
  std::string_view leader() const noexcept { return leader_ == nullptr ? std::string_view() : leader_->id; }
  size_t member_count() const noexcept { return members_.size(); }
  /// Nobody is in it or on the way into it, and nothing of it is being written.
  bool idle() const noexcept;
  /// What it holds of group_commons' bytes.
  size_t bytes() const noexcept { return members_.bytes() + assigning_bytes_; }
  group_description describe();
  /// The topics that its members subscribe to by the protocol in use, ascending (consumer_subscription.hh); nothing where
  /// nobody knows.
  std::optional<std::vector<std::string>> subscribed_topics();
  /// As it would be written now.
  stored_group stored();

 private:
  struct located {
    group_member* member = nullptr;
    group_error error = group_error::none;
  };
  enum class purpose : uint8_t { assignment, static_member, empty, tombstone };
  struct pending_write {
    group_write_id id;
    purpose why;
  };

  // group.cc
  located locate(std::string_view member_id, const std::optional<std::string>& instance_id) const;
  group_error check_current(const located& found, int32_t generation) const;
  void start_session(group_member& m, base::instant now) { members_.sessions().arm(m, now + m.session_timeout); }
  void enter(group_state state, base::instant now);
  group_error leave_one(const leaving_member& leaving, group_effects& out);
  void answer_all(group_error error, group_effects& out);

  // group_join.cc
  group_error check_join(const join_request& request) const;
  bool accepts(const group_member* known) const noexcept;
  bool supports(const join_request& request) const;
  void turn_away(const join_request& request, group_member* known, group_waiter waiter, base::instant now,
                 group_effects& out);
  void join_new(join_request request, group_waiter waiter, base::instant now, group_effects& out);
  void join_again(group_member& m, join_request request, group_waiter waiter, base::instant now, group_effects& out);
  void replace_static(group_member& m, join_request request, group_waiter waiter, base::instant now, group_effects& out);
  void join_after_write(group_member& m, const std::string& former_id, bool may_skip, group_waiter waiter,
                        group_effects& out);
  void add_member(std::string member_id, join_request request, group_waiter waiter, base::instant now, group_effects& out);
  void update_member(group_member& m, join_request request);
  void wait_for_rebalance(group_member& m, group_waiter waiter, base::instant now);
  join_answer joined(group_member& m);
  void answer_join(group_member& m, base::instant now, group_effects& out);
  void fail_join(group_member& m, group_error error, group_effects& out);

  // group_rebalance.cc
  void rebalance_or_complete(base::instant now, group_effects& out);
  void prepare_rebalance(base::instant now, group_effects& out);
  void complete_if_all_joined(base::instant now, group_effects& out);
  void complete_join(base::instant now, group_effects& out);
  void become_empty(base::instant now, group_effects& out);
  void next_generation(base::instant now, group_effects& out);
  void end_initial_delay(base::instant now, group_effects& out);
  void end_sync_wait(base::instant now, group_effects& out);
  template <class Predicate>
  size_t remove_members(Predicate&& which, group_effects& out);
  void remove_member(group_member& m, group_effects& out);

  // group_sync.cc
  group_error check_sync(const sync_request& request, const located& found) const;
  void lead(group_member& leader, std::vector<std::pair<std::string, opaque>> assignments, base::instant now,
            group_effects& out);
  void assigned(group_error outcome, base::instant now, group_effects& out);
  void cancel_assignment(group_error told, base::instant now, group_effects& out);
  void drop_assignment() noexcept;
  void answer_sync(group_member& m, base::instant now, group_effects& out);
  void fail_sync(group_member& m, group_error error, group_effects& out);

  // group_stored.cc
  group_write_id write(purpose why, group_effects& out);
  void write_static_members(group_effects& out);
  void static_members_written(group_write_id id, group_error outcome, base::instant now, group_effects& out);
  void take_over(stored_member& kept, base::instant now);
  stored_member stored(const group_member& m) const;

  const std::string id_;
  group_commons& commons_;
  const group_options& options_;
  group_state state_ = group_state::empty;
  base::instant state_since_;
  int32_t generation_ = 0;
  std::string protocol_type_;
  std::string protocol_;            ///< of this generation; empty: none was chosen
  group_member* leader_ = nullptr;  ///< one of members_; null only where there are none or nobody has joined yet
  group_members members_;

  // PreparingRebalance
  base::instant join_deadline_ = base::instant::never();
  bool initial_ = false;       ///< it began with an empty group: more members may be about to come
  bool member_came_ = false;   ///< since the delay was last extended
  base::duration delay_left_;  ///< by which it may still be extended

  // CompletingRebalance and Stable
  base::instant sync_deadline_ = base::instant::never();  ///< for members that must_sync
  /// The leader's assignments while they are being written; they hold only when that is durable. Who is not in it has none.
  std::optional<std::unordered_map<const group_member*, opaque>> assigning_;
  size_t assigning_bytes_ = 0;
  group_write_id assigning_by_ = not_yet_written;

  std::vector<pending_write> writes_;  ///< on their way, oldest first
};

}  // namespace millrace::broker
