#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/hash.hh"
#include "broker/catalog/broker_settings.hh"
#include "broker/catalog/names.hh"
#include "broker/catalog/placement.hh"
#include "broker/catalog/snapshot.hh"
#include "broker/catalog/stored_entries.hh"

/// The streams and topics as the controller knows them, on core 0: what is stored of each and what
/// the snapshots show of it, with the names that are taken. Nothing here waits or writes.

namespace millrace::broker {

class topic_table {
 public:
  topic_table(const broker_settings& settings, const placement& where) : settings_(settings), where_(where) {}

  struct row {
    stored_topic stored;
    std::unique_ptr<const topic_info> info;
  };
  struct stream_row {
    std::unique_ptr<const stored_stream> stored;
    std::map<std::string, row, std::less<>> topics;  ///< by name
    uint32_t next_topic_number = 0;
  };

  /// By its full Kafka name; null also for a topic that Kafka is not shown.
  const row* find(std::string_view kafka_name) const;
  const row* find(stream_and_topic names) const;
  const row* find(const base::uuid& id) const;
  const stream_row* find_stream(std::string_view name) const;
  const stream_row* find_stream(const base::uuid& id) const;
  /// A topic whose Kafka name differs from this one by '.' and '_' only; null where there is none.
  const std::string* colliding(std::string_view kafka_name) const;
  const std::map<std::string, stream_row, std::less<>>& streams() const noexcept { return streams_; }
  /// The number of the next stream: one more than any has had since the start.
  uint32_t next_stream_number() const noexcept { return next_stream_number_; }

  /// A new stream; its name and id are free.
  void insert_stream(stored_stream stream);
  /// Takes a stream without topics out; what snapshots point to is the caller's, until no core shows
  /// it.
  std::unique_ptr<const stored_stream> take_stream(const base::uuid& id);

  /// A new topic; its stream is there, its name and id are free.
  void insert(stored_topic topic);
  /// Replaces what is stored of the topic of this name and id; the old info is the caller's, until
  /// no core shows it.
  std::unique_ptr<const topic_info> replace(stored_topic topic);
  /// Takes a topic out.
  row take(const base::uuid& id);

  /// A directory for a topic's partition: the usual one, or one by the topic's id where that is
  /// taken.
  std::string free_directory(const stored_topic& topic, int32_t partition) const;
  /// A directory that no topic of ours has is there nevertheless.
  void note_leftover(std::string directory) { leftovers_.insert(std::move(directory)); }
  int64_t partition_count() const noexcept { return static_cast<int64_t>(directories_.size()); }
  bool has_directory(const std::string& name) const { return directories_.contains(name); }

  std::unique_ptr<snapshot> make_snapshot(const std::string& cluster_id) const;

 private:
  stream_row& stream_of(const stored_topic& topic);
  std::unique_ptr<const topic_info> make_info(const stored_topic& topic, const stored_stream& stream) const;
  void note_names(const row& topic);
  void forget_names(const row& topic);

  const broker_settings& settings_;
  const placement& where_;
  std::map<std::string, stream_row, std::less<>> streams_;
  uint32_t next_stream_number_ = 0;
  std::unordered_map<base::uuid, stream_row*> streams_by_id_;
  std::unordered_map<base::uuid, const row*> by_id_;
  /// Kafka names by their collision_name(). Two of one are there where another door made one.
  std::unordered_multimap<std::string, std::string> collisions_;
  std::unordered_set<std::string> directories_;
  std::unordered_set<std::string> leftovers_;
};

}  // namespace millrace::broker
