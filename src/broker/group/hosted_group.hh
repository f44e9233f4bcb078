#pragma once

#include <string>

#include "broker/group/committed_offsets.hh"
#include "broker/group/group.hh"
#include "reactor/timer_wheel.hh"

/// One group as its coordinator hosts it: the state machine, what the group committed, its timer, and what all of that
/// counts of the core's share of memory.

namespace millrace::broker {

class coordinator_shard;

class hosted_group final : public reactor::timer {
 public:
  hosted_group(coordinator_shard& in, std::string id, group_commons& commons, base::instant now)
      : machine(std::move(id), commons, now), in_(in), commons_(commons), counted_(own_bytes(machine.id())) {
    commons_.take(counted_);
  }
  ~hosted_group() override { commons_.give_back(counted_); }

  broker::group machine;
  committed_offsets offsets;

  /// What a group costs before anything is in it.
  static size_t own_bytes(std::string_view id) noexcept { return sizeof(hosted_group) + 2 * id.size() + 96; }
  /// Counts what it holds now.
  void recount() noexcept {
    const size_t now = own_bytes(machine.id()) + offsets.bytes();
    if (now > counted_) commons_.take(now - counted_);
    if (now < counted_) commons_.give_back(counted_ - now);
    counted_ = now;
  }
  /// Nobody is in it, and the log has nothing of it and will have nothing: it may be forgotten.
  bool unused() const noexcept {
    const bool never_was = machine.state() == group_state::dead || machine.generation() == 0;
    return machine.idle() && never_was && offsets.empty() && !being_removed;
  }
  bool being_removed = false;  ///< a DeleteGroups is at it

  /// Its sessions, rebalances and syncs whose time is over.
  void run(reactor::core& on) override;
  const char* what() const noexcept override { return "group timer"; }

 private:
  coordinator_shard& in_;
  group_commons& commons_;
  size_t counted_;
};

}  // namespace millrace::broker
