#pragma once

#include <cstddef>
#include <cstdint>

#include "base/assert.hh"
#include "base/tagged.hh"
#include "base/time.hh"

/// What the groups of one core have in common: the operator's settings, the bytes that all of them may hold together, and
/// the numbers of their writes.

namespace millrace::broker {

/// Names a write that a group has asked for. No number comes twice on a core, so that the outcome of a write of a group
/// that is gone never meets another group.
using group_write_id = base::tagged<uint64_t, struct group_write_tag>;

/// Kafka's keys and defaults.
struct group_options {
  base::duration session_timeout_min = base::milliseconds(6000);     ///< group.min.session.timeout.ms
  base::duration session_timeout_max = base::milliseconds(1800000);  ///< group.max.session.timeout.ms
  base::duration initial_rebalance_delay = base::seconds(3);         ///< group.initial.rebalance.delay.ms
  size_t size_max = INT32_MAX;                                       ///< group.max.size: members of one group
  /// How long a member that is new may wait for its first answer. It has no session yet; if it is still there it asks
  /// again. Kafka's constant.
  base::duration new_member_join_timeout = base::seconds(300);
};

class group_commons {
 public:
  /// `bytes_max`: what all groups may hold together. Who would exceed it is refused (coordinator_not_available); who is a
  /// member stays one.
  group_commons(const group_options& options, size_t bytes_max) : options(options), bytes_max_(bytes_max) {}
  group_commons(const group_commons&) = delete;
  group_commons& operator=(const group_commons&) = delete;

  const group_options options;

  size_t bytes() const noexcept { return bytes_; }
  size_t bytes_max() const noexcept { return bytes_max_; }
  /// For who is there: however many groups and members came, members rejoin and commit.
  bool has_room(size_t more) const noexcept { return fits(more, bytes_max_); }
  /// New members leave a quarter of it to those. What they hold goes when their sessions end.
  bool has_room_for_member(size_t more) const noexcept { return fits(more, bytes_max_ / 4 * 3); }
  /// New groups, whose offsets stay for days, leave half: whoever comes back to a group that is there still gets in.
  bool has_room_for_group(size_t more) const noexcept { return fits(more, bytes_max_ / 2); }
  /// Counts without asking: what is restored was let in before.
  void take(size_t count) noexcept { bytes_ += count; }
  void give_back(size_t count) noexcept {
    ASSERT(count <= bytes_);
    bytes_ -= count;
  }

  group_write_id next_write() noexcept { return ++last_write_; }

 private:
  bool fits(size_t more, size_t bound) const noexcept { return bytes_ <= bound && more <= bound - bytes_; }

  const size_t bytes_max_;
  size_t bytes_ = 0;
  group_write_id last_write_{0};
};

}  // namespace millrace::broker
