#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.hh"
#include "broker/catalog/catalog.hh"
#include "broker/group/coordinator_log.hh"
#include "broker/group/coordinator_options.hh"
#include "broker/group/hosted_group.hh"
#include "broker/group/parked_call.hh"
#include "broker/group/stored_group_record.hh"
#include "reactor/task.hh"

/// The groups whose coordinator is one partition of `__consumer_offsets`: what its log has is what they are. It carries out
/// what their state machines say: answers go to who waits, writes into the log. Lives on the core that owns the partition.

namespace millrace::broker {

/// Who waits at the groups of one core, by the name that they have there.
using waiting_calls = std::unordered_map<uint64_t, parked_call*>;

/// A commit of one partition that passed all checks.
struct new_commit {
  std::string topic;
  int32_t partition = 0;
  committed_offset commit;
};

/// Whether a topic of this name is there, and the commit was made for it and not for one that was deleted before. (One
/// without a topic's id, of an older broker, is taken for this one's.)
bool is_of_a_topic(const committed_offset& commit, std::string_view topic, const snapshot& topics);

class coordinator_shard {
 public:
  coordinator_shard(broker_core& on, const catalog& topics, group_commons& commons, const coordinator_options& options,
                    waiting_calls& waiting, storage::log_id id);
  ~coordinator_shard();
  coordinator_shard(const coordinator_shard&) = delete;
  coordinator_shard& operator=(const coordinator_shard&) = delete;

  /// Whether the log has been read: before that nobody is answered from here.
  bool loaded() const noexcept { return loaded_; }
  /// Reads the log, with turns of others between, unless it is empty. What cannot be read is passed over and said. Ends
  /// early where close() came.
  reactor::task<void> load();
  /// An empty log is loaded at once.
  void load_if_empty();

  hosted_group* find(std::string_view group) const;
  size_t groups() const noexcept { return groups_.size(); }
  /// Null where the groups of this core hold all that they may.
  hosted_group* find_or_make(std::string_view group);
  template <class F>
  void each(F&& f) {
    for (auto& [id, g] : groups_) f(*g);
  }

  /// Answers who waits and writes what is to be written; then settle().
  void carry_out(hosted_group& g, group_effects effects);
  /// After each event: the timer, what it counts, and it is forgotten where it is unused: `g` may be gone then.
  void settle(hosted_group& g);

  /// Writes the commits, which are seen when they are durable. Outcomes as coordinator_write says. `commits` stays until it
  /// returns.
  reactor::task<group_error> commit(std::string group, const std::vector<new_commit>* commits);
  /// Writes tombstones of these; they are gone when those are durable.
  reactor::task<group_error> forget(std::string group, std::vector<offset_key> keys);
  /// DeleteGroups: the group goes with all that it committed. Errors: those of group::remove and of the writes, none of
  /// which leaves the group half gone: who asks again finds what is left.
  reactor::task<group_error> remove(std::string group);
  /// What was committed for topics that the catalog does not have any more goes, and its tombstones are written.
  reactor::task<void> forget_gone_topics();
  /// Commits that have expired go, and groups that are empty and have none left.
  reactor::task<void> expire();

  /// All that wait are answered not_coordinator, and nothing is written any more.
  void close();
  /// Forgets all: the world's crash.
  void abandon() noexcept { closed_ = true; }

  clocks now() const noexcept { return {core_.on().now(), core_.on().wall_clock()}; }

 private:
  friend class hosted_group;
  class group_written;
  struct loading;

  // coordinator_shard.cc
  std::vector<std::string> group_ids() const;
  offsets_range append(std::span<const timed_record> records, std::unique_ptr<coordinator_write> who);
  template <class Answer>
  void answer(Answer given);
  void write_group(hosted_group& g, const group_write& write);
  void timer_ran(hosted_group& g);
  void forget_topic(hosted_group& g, const std::string& topic);
  hosted_group& make(std::string_view group);

  // shard_loading.cc
  reactor::task<bool> read_all(loading* into);
  void take_batches(base::bytes data, loading& into);
  void take(const read_record& record, loading& into);
  void take_over(loading& all);

  // shard_expiry.cc
  reactor::task<void> expire_group(std::string group);
  std::vector<offset_key> expired_of(hosted_group& g) const;
  reactor::task<group_error> bury(std::string group, group_effects effects);

  broker_core& core_;
  const catalog& topics_;
  group_commons& commons_;
  const coordinator_options& options_;
  waiting_calls& waiting_;
  const storage::log_id id_;
  coordinator_log log_;
  bool loaded_ = false;
  bool closed_ = false;
  std::unordered_map<std::string, std::unique_ptr<hosted_group>, base::string_hash, std::equal_to<>> groups_;
};

}  // namespace millrace::broker
