#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/time.hh"

/// When members' sessions end. A heartbeat only moves a number: the queue finds out when the old time comes, so that a group
/// of any size pays for a heartbeat the same, and nothing is allocated.

namespace millrace::broker {

class session_queue;

/// A member, or one to be, as far as time goes. Lives where its address does not change.
class session {
 public:
  explicit session(std::string member_id) : id(std::move(member_id)) {}
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  std::string id;
  base::instant expires() const noexcept { return expires_; }

 private:
  friend class session_queue;
  base::instant expires_ = base::instant::never();
  /// Where it stands in the queue; never later than expires_.
  std::optional<std::pair<base::instant, uint64_t>> queued_;
};

class session_queue {
 public:
  /// `s` ends then, unless it is armed again before. O(1) where that is no earlier than what was said before.
  void arm(session& s, base::instant expires);
  /// `s` does not end while this holds.
  void disarm(session& s) noexcept { s.expires_ = base::instant::never(); }
  /// Forgets `s`, which may then be destroyed.
  void drop(session& s) noexcept;
  void clear() noexcept;

  /// One that has ended, out of the queue; null: none has.
  session* due(base::instant now);
  /// No session ends before this. It may be early, where one was armed again.
  base::instant next() const noexcept { return queue_.empty() ? base::instant::never() : queue_.begin()->first.first; }

 private:
  void insert(session& s);

  /// By time, then by the order of coming: the same run gives the same order.
  std::map<std::pair<base::instant, uint64_t>, session*> queue_;
  uint64_t last_number_ = 0;
};

}  // namespace millrace::broker
