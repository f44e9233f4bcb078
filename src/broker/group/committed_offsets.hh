#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hh"
#include "base/tagged.hh"
#include "base/time.hh"
#include "base/uuid.hh"
#include "broker/group/group_records.hh"
#include "record/batch_header.hh"

/// committed_offsets: what one group has committed, in memory, on the core that has the group. The truth is the log of
/// `__consumer_offsets`: a commit or a removal is first appended there, and is seen when it is durable. Pure: it is told
/// where its records are, what has become of them, and the time.

namespace millrace::broker {

/// A commit of one partition.
struct committed_offset {
  base::offset offset{0};
  base::leader_epoch leader_epoch{-1};  ///< -1: not said
  std::string metadata;                 ///< the committer's own
  base::unix_ms commit_timestamp = record::no_timestamp;
  base::unix_ms expire_timestamp = record::no_timestamp;  ///< of old clients, which chose it themselves; -1: none
  base::uuid topic_id;                                    ///< zero: not said
  friend bool operator==(const committed_offset&, const committed_offset&) = default;
};

/// From a record, and as one; the latter is a view of `commit`.
committed_offset from_stored(const stored_commit& commit);
stored_commit to_stored(const committed_offset& commit);

/// offset.metadata.max.bytes where nobody set it.
inline constexpr int32_t offset_metadata_max_default = 4096;

/// Whether a commit may carry this; asked before anything is appended. Kafka counts UTF-16 units, whatever the setting's
/// name says. Errors: offset_metadata_too_large, with the length.
base::result<void> check_offset_metadata(std::string_view metadata, int32_t length_max);

/// A partition that a group may have committed.
struct offset_key {
  std::string topic;
  int32_t partition = 0;
  friend auto operator<=>(const offset_key&, const offset_key&) = default;
};

/// Records of the log of `__consumer_offsets`: [begin, limit).
struct offsets_range {
  base::offset begin{0};
  base::offset limit{0};
};

/// What of a group decides whether its offsets expire.
struct expiring_group {
  enum class state : uint8_t { empty, stable, other };

  bool has_protocol_type = false;  ///< false: a group that only commits
  state in = state::empty;
  /// When it became Empty; -1: not known (of groups that old brokers stored).
  base::unix_ms empty_since = record::no_timestamp;
  /// What the members subscribe to, ascending (subscribed_topics()); none: not known.
  std::optional<std::span<const std::string_view>> subscribed{};
};

/// `retention_ms`: offsets.retention.minutes.
struct expiry_time {
  base::unix_ms now = 0;
  int64_t retention_ms = 0;
};

class committed_offsets {
 public:
  committed_offsets() = default;
  committed_offsets(const committed_offsets&) = delete;
  committed_offsets& operator=(const committed_offsets&) = delete;

  // ---- what is durable

  /// Null where nothing is committed. Good until the next change.
  const committed_offset* find(std::string_view topic, int32_t partition) const;
  /// f(topic, partition, commit) for all, by topic and partition, ascending.
  template <class F>
  void each(F&& f) const {
    for (const auto& [topic, partitions] : topics_) {
      for (const auto& [partition, slot] : partitions) {
        if (slot.seen) f(std::string_view(topic), partition, *slot.seen);
      }
    }
  }
  /// Whether a record of the partition is on its way.
  bool has_pending(std::string_view topic, int32_t partition) const;
  /// The commits that each() shows.
  size_t count() const noexcept { return count_; }
  /// Commits and removals on their way.
  size_t pending() const noexcept { return pending_.size(); }
  /// Neither of them.
  bool empty() const noexcept { return topics_.empty(); }

  /// Memory held, about.
  size_t bytes() const noexcept { return bytes_; }
  /// What a commit adds to bytes() at most.
  static size_t bytes_most(std::string_view topic, std::string_view metadata) noexcept;

  // ---- on the way to the disk

  /// A record of ours was appended at `at`, or a tombstone. It is not seen before it is durable. No two have the same `at`.
  void begin_put(base::offset at, std::string_view topic, int32_t partition, committed_offset commit);
  void begin_remove(base::offset at, std::string_view topic, int32_t partition);
  /// Those of ours in the range are durable, or never will be. The ranges may come in any order: what a later record of the
  /// same partition has replaced does not come back. Records that are not ours are passed over.
  void durable(offsets_range range);
  void failed(offsets_range range);

  // ---- read from the log, where all is durable

  void put(base::offset at, std::string_view topic, int32_t partition, committed_offset commit);
  void remove(base::offset at, std::string_view topic, int32_t partition);

  // ---- leaving

  /// Every partition that has a commit or a record on its way, by topic and partition: what tombstones are written of when
  /// the group goes.
  std::vector<offset_key> keys() const;
  /// The topics of these, ascending.
  std::vector<std::string> topics() const;
  /// Partitions of the topic that have a commit or a record on its way: of these to write tombstones.
  std::vector<int32_t> partitions_of(std::string_view topic) const;
  /// Forgets the topic at once, with what is on its way. For a topic that is no more.
  void remove_topic(std::string_view topic);
  /// The commits that have expired (kafka.md 2.6), at most `most`, by topic and partition. Nothing is removed: write the
  /// tombstones, begin_remove() each, and they go when that is durable. What has a record on its way does not expire, so a
  /// second call gives the next ones.
  std::vector<offset_key> expired(const expiring_group& group, expiry_time time, size_t most = SIZE_MAX) const;

 private:
  struct slot {
    std::optional<committed_offset> seen;
    /// Of the newest durable record, a tombstone too while others are on their way: older ones change nothing any more.
    base::offset last{-1};
    uint32_t pending = 0;
  };
  using partition_map = std::map<int32_t, slot>;
  using topic_map = std::map<std::string, partition_map, std::less<>>;
  /// One partition. Its slot stays while something is pending for it.
  struct place {
    topic_map::iterator topic;
    partition_map::iterator partition;
  };
  struct change {
    place of;
    std::optional<committed_offset> commit;  ///< none: a removal
  };
  using pending_map = std::map<base::offset, change>;

  // The maps' nodes, with what they and the allocator add.
  static constexpr size_t node_bytes = 48;
  static constexpr size_t topic_bytes = node_bytes + sizeof(topic_map::value_type);
  static constexpr size_t slot_bytes = node_bytes + sizeof(partition_map::value_type);
  static constexpr size_t change_bytes = node_bytes + sizeof(pending_map::value_type);

  const slot* find_slot(std::string_view topic, int32_t partition) const;
  place place_of(std::string_view topic, int32_t partition);
  void begin(base::offset at, std::string_view topic, int32_t partition, std::optional<committed_offset> commit);
  void apply(base::offset at, place of, std::optional<committed_offset> commit);
  change take(pending_map::iterator& p);
  void drop_if_unused(place of);

  topic_map topics_;
  pending_map pending_;
  size_t count_ = 0;
  size_t bytes_ = 0;
};

}  // namespace millrace::broker
