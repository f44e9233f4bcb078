#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/catalog/catalog.hh"
#include "broker/group/coordinator_shard.hh"
#include "reactor/scope.hh"

/// The group coordinator of one core: those partitions of `__consumer_offsets` that the core owns, and the groups whose ids
/// hash to them. Requests come from any core by mail (parked_call for what may wait for other members, bounded calls for the
/// rest); what touches a group runs here.

namespace millrace::broker {

/// Where a group is coordinated: a core, while topics and cores are as they are.
struct group_place {
  int32_t partition = 0;
  base::core_id owner{0};
};
/// Nothing: there is no `__consumer_offsets` yet.
std::optional<group_place> place_of_group(const snapshot& topics, std::string_view group);

struct listed_group {
  std::string id;
  std::string protocol_type;
  group_state state = group_state::empty;
};
struct group_list {
  std::vector<listed_group> groups;
  bool complete = true;  ///< false: some of this core's are still being read
};

struct described_group {
  group_error error = group_error::none;
  group_description what;  ///< dead and empty where there is none
};

/// OffsetCommit, as far as its partitions passed the checks that need no group.
struct commit_request {
  std::string group;
  member_reference from;
  std::vector<new_commit> commits;
};

/// OffsetFetch.
struct fetched_offset {
  offset_key key;
  std::optional<committed_offset> commit;
};
struct fetched_offsets {
  group_error error = group_error::none;
  std::vector<fetched_offset> offsets;
};

/// OffsetDelete: the error of the whole, or what of it was refused because the group still subscribes to the topic.
struct deleted_offsets {
  group_error error = group_error::none;
  std::vector<bool> subscribed;  ///< by partition as asked
};

class group_coordinator {
 public:
  group_coordinator(broker_core& on, const catalog& topics, coordinator_options options);
  ~group_coordinator();
  group_coordinator(const group_coordinator&) = delete;
  group_coordinator& operator=(const group_coordinator&) = delete;

  reactor::core& on() noexcept { return core_.on(); }
  const coordinator_options& options() const noexcept { return options_; }
  reactor::scope& background() noexcept { return *scope_; }
  /// Those that have been read, and the memory that all of this core hold.
  size_t groups() const noexcept;
  size_t bytes() const noexcept { return commons_.bytes(); }
  size_t bytes_most() const noexcept { return commons_.bytes_max(); }

  /// Every core's, by core id; told once. To be named as the target of a call, and not to be touched from another core.
  void meet(std::vector<group_coordinator*> all) { all_ = std::move(all); }
  group_coordinator& of(base::core_id core) const { return *all_[core.value()]; }

  /// Reads what the core coordinates, in the background. When every core is shown the topics.
  void start();
  /// Answers all that wait; others are refused from now on. Before the core's partitions stop.
  reactor::task<void> stop();
  void abandon() noexcept;

  // ---- here, from any core by mail. Errors that all of them have: not_coordinator, coordinator_load_in_progress

  void begin(join_call& call);
  void begin(sync_call& call);
  /// One that waits shall go home.
  void gone(parked_call& call);
  /// None while the group is being read: its members' sessions start anew after that.
  group_error heartbeat(std::string_view group, const member_reference& from);
  leave_answer leave(std::string_view group, std::span<const leaving_member> members);
  /// Errors: those of group::check_commit and coordinator_write; group_id_not_found (a generation of a group that is not
  /// there); coordinator_not_available where memory is used up. `asked` stays until it returns.
  reactor::task<base::result<group_error>> commit(const commit_request* asked);
  /// Of these partitions, or of all that there are. Groups and topics need not exist; what was committed for a topic that is
  /// gone is not shown, also where its tombstones are still to be written.
  fetched_offsets fetch(std::string_view group, const std::vector<offset_key>* keys);
  reactor::task<base::result<deleted_offsets>> delete_offsets(std::string group, std::vector<offset_key> keys);
  described_group describe(std::string_view group);
  group_list list();
  reactor::task<base::result<group_error>> remove(std::string group);
  /// Topics have been deleted: what was committed for them goes, in the background.
  void topics_changed();

 private:
  struct located {
    coordinator_shard* shard = nullptr;
    group_error error = group_error::none;
  };
  located shard_of(std::string_view group);
  coordinator_shard* shard_at(const topic_info& topic, int32_t partition);
  template <class Call, class Event>
  void begin(Call& call, Event event);
  reactor::task<void> load_all();
  reactor::task<void> expire_all();
  reactor::task<void> forget_gone_topics();
  class retention_timer final : public reactor::timer {
   public:
    explicit retention_timer(group_coordinator& of) : of_(of) {}
    void run(reactor::core&) override { of_.look_for_expired(); }
    const char* what() const noexcept override { return "offset retention"; }

   private:
    group_coordinator& of_;
  };
  void look_for_expired();

  broker_core& core_;
  const catalog& topics_;
  const coordinator_options options_;
  group_commons commons_;
  std::vector<group_coordinator*> all_;
  waiting_calls waiting_;
  uint64_t last_waiter_ = 0;
  std::map<int32_t, std::unique_ptr<coordinator_shard>> shards_;  ///< by coordinator partition
  std::deque<coordinator_shard*> to_load_;
  bool loading_ = false;
  bool expiring_ = false;
  bool forgetting_ = false;
  bool forget_again_ = false;
  bool stopping_ = false;
  retention_timer retention_;
  std::unique_ptr<reactor::scope> scope_;
};

}  // namespace millrace::broker
