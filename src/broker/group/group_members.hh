#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.hh"
#include "broker/group/group_member.hh"

/// The members of one group and what must agree about them: who has which id and instance, which protocols all of them
/// know, which joins and syncs wait, how many bytes they hold. It decides nothing: the group does.

namespace millrace::broker {

class group_members {
 public:
  explicit group_members(group_commons& commons) : commons_(commons) {}
  ~group_members() { clear(); }
  group_members(const group_members&) = delete;
  group_members& operator=(const group_members&) = delete;

  // In the order in which they came.
  auto begin() { return order_.begin(); }
  auto end() { return order_.end(); }
  size_t size() const noexcept { return by_id_.size(); }
  bool empty() const noexcept { return by_id_.empty(); }
  /// Null where there is none.
  group_member* find(std::string_view member_id) const;
  group_member* find_instance(std::string_view instance_id) const;
  group_member* find_waiter(group_waiter waiter) const;

  /// Neither its id nor its instance is there. It knows no protocol yet.
  group_member& add(std::unique_ptr<group_member> member);
  /// Nothing of `m` waits.
  void remove(group_member& m);
  /// A static member goes on under another id; its place, its protocols and what it is to the group stay.
  void rename(group_member& m, std::string member_id);
  void set_protocols(group_member& m, std::vector<group_protocol> protocols);
  void set_assignment(group_member& m, opaque assignment);
  void set_client(group_member& m, std::string client_id, std::string client_host);
  void clear();

  // Ids that were given out (KIP-394).
  bool is_pending(std::string_view member_id) const { return pending_.contains(member_id); }
  size_t pending_count() const noexcept { return pending_.size(); }
  void add_pending(std::string member_id, base::instant expires);
  void remove_pending(std::string_view member_id);

  // Protocols.
  /// Whether all members know one of these.
  bool share_one_of(const std::vector<group_protocol>& protocols) const;
  /// The one with the most votes among those that all know; each votes for the first on its list. Where several have as
  /// many, the first of them on the list of the member that came first. There is at least one.
  std::string select_protocol();
  /// The longest of all; zero without members.
  base::duration rebalance_timeout();

  // What waits. One that waits is not ended by its session; the time of one that no longer waits is the group's to set.
  void park_join(group_member& m, group_waiter waiter, join_wait wait);
  void park_sync(group_member& m, group_waiter waiter);
  group_waiter take_join(group_member& m);
  group_waiter take_sync(group_member& m);
  /// A rebalance began: what waited for a write waits for it.
  void join_instead(group_member& m);
  size_t rejoined_count() const noexcept { return rejoined_; }  ///< whose join waits for the rebalance

  session_queue& sessions() noexcept { return sessions_; }
  const session_queue& sessions() const noexcept { return sessions_; }
  /// What all of them hold, those to be included.
  size_t bytes() const noexcept { return bytes_; }

 private:
  void recount(group_member& m);
  void count_protocols(const group_member& m);
  void uncount_protocols(const group_member& m);
  bool all_know(std::string_view protocol) const;

  group_commons& commons_;
  session_queue sessions_;
  std::unordered_map<std::string, std::unique_ptr<group_member>, base::string_hash, std::equal_to<>> by_id_;
  /// Keys are texts that clients chose: a tree, which no choice makes slow. They lie in the members.
  std::map<std::string_view, group_member*> by_instance_;
  base::intrusive_list<group_member, group_member_tag> order_;
  std::map<std::string, std::unique_ptr<pending_member>, std::less<>> pending_;
  std::map<std::string, size_t, std::less<>> knowing_;  ///< by protocol: how many members know it
  std::unordered_map<uint64_t, group_member*> waiters_;
  size_t rejoined_ = 0;
  size_t bytes_ = 0;
};

}  // namespace millrace::broker
