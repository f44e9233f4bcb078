#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <unordered_map>
#include <utility>

#include "api/kafka/fetch_session.hh"
#include "base/prng.hh"

/// The fetch sessions that the connections of one core have begun (KIP-227). A client that comes back to another core finds
/// its session unknown there and begins another, as every client can. Two bounds hold whatever clients ask for: the number
/// of sessions, and the memory of all of them. What a session may not have or grow to is fetched without one.

namespace millrace::api::kafka {

class fetch_session_cache {
 public:
  struct bounds {
    size_t sessions = 0;
    size_t bytes = 0;              ///< of all sessions together
    size_t partitions = SIZE_MAX;  ///< and topics, of one session
    /// Kafka's min.incremental.fetch.session.eviction.ms: who was not used for so long gives way to any new session, and
    /// who was made so long ago to a larger one.
    base::duration kept = base::seconds(120);
  };
  /// This core's part of the session ids: no two cores give the same.
  struct id_share {
    uint32_t index = 0;
    uint32_t count = 1;
  };
  /// A broker's bound of sessions, divided among its cores.
  static size_t share_of(size_t sessions, id_share of) noexcept {
    return sessions / of.count + (of.index < sessions % of.count ? 1 : 0);
  }

  /// That of the request after the one with this.
  static constexpr int32_t epoch_after(int32_t epoch) noexcept {
    return epoch == std::numeric_limits<int32_t>::max() ? 1 : epoch + 1;
  }

  fetch_session_cache(bounds most, id_share ids, base::prng& random) : most_(most), ids_(ids), random_(random) {}
  ~fetch_session_cache();
  fetch_session_cache(const fetch_session_cache&) = delete;
  fetch_session_cache& operator=(const fetch_session_cache&) = delete;

  /// For the request of this epoch, which is the only one to use the session until give_back(); or why not, as Kafka's code.
  struct taken {
    int16_t error = 0;
    fetch_session* session = nullptr;
  };
  taken use(int32_t id, int32_t epoch, bool by_ids, base::instant now);
  /// The request has been answered, or never will be.
  void give_back(fetch_session& s);

  /// A new session, for `partitions` with `bytes` (what add() will say of them, and the session's own); in use. Null: there
  /// is no room for it.
  fetch_session* create(bool by_ids, size_t partitions, size_t bytes, base::instant now);
  /// The partition of a session in use, which may be new there. A session that grows over a bound by it is removed: it
  /// serves this request, and then ends.
  fetch_session::partition& add(fetch_session& s, std::string_view key, int32_t index);
  void forget(fetch_session& s, std::string_view key, int32_t index);
  /// Nobody finds it any more. One that is in use lives until it is given back.
  void remove(int32_t id);
  void remove(fetch_session& s);
  static bool removed(const fetch_session& s) noexcept { return s.removed_; }

  size_t sessions() const noexcept { return by_id_.size(); }
  /// Of all that live, removed ones too.
  size_t bytes() const noexcept { return bytes_; }
  const bounds& most() const noexcept { return most_; }

 private:
  using rank = std::pair<size_t, int32_t>;  // size, id
  bool make_room(size_t partitions, size_t bytes, base::instant now);
  bool displace_smaller(size_t partitions);
  int32_t new_id();
  void rank_again(fetch_session& s);
  void destroy(fetch_session& s);

  const bounds most_;
  const id_share ids_;
  base::prng& random_;
  std::unordered_map<int32_t, std::unique_ptr<fetch_session>> by_id_;
  base::intrusive_list<fetch_session, session_use_tag> by_use_;   // longest unused first
  base::intrusive_list<fetch_session, session_use_tag> removed_;  // and still in use
  std::set<rank> displaceable_;                                   // smallest first
  size_t bytes_ = 0;
};

}  // namespace millrace::api::kafka
