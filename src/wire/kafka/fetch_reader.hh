#pragma once

#include "wire/kafka/messages/fetch.hh"
#include "wire/kafka/reader.hh"

/// A Fetch request as a cursor: no arena, no allocation. open() walks the whole request once, so a
/// request that is wrong anywhere is refused before any of it is used, and what follows cannot
/// fail. The bytes outlive the cursor. A value; one core.

namespace millrace::wire::kafka {

struct fetch_topic {
  std::string_view topic;  ///< versions 4-12
  base::uuid topic_id;     ///< from 13
  uint32_t partition_count = 0;
};

class fetch_reader {
 public:
  /// `in` stands at the body and is not moved. Errors: those of decode<fetch_request>.
  static base::result<fetch_reader> open(const reader& in, int16_t version);

  /// All fields beside the topics and the forgotten topics, which are empty.
  const fetch_request& settings() const { return settings_; }
  /// The follower that asks, -1 for a consumer: a field up to version 14, in the replica state
  /// from 15.
  int32_t replica_id() const { return version_ >= 15 ? settings_.replica_state.replica_id : settings_.replica_id; }
  uint32_t topic_count() const { return topics_.count; }
  uint32_t forgotten_topic_count() const { return forgotten_.count; }
  /// Of all topics together, the forgotten ones apart.
  uint64_t partition_count() const { return partition_count_; }
  uint64_t forgotten_partition_count() const { return forgotten_partition_count_; }

  /// The next topic, whatever is left of the one before; false after the last.
  bool next_topic(fetch_topic& to);
  /// The next partition of the current topic; false after its last.
  bool next_partition(fetch_request_partition& to);

  /// The same for what an incremental fetch takes out of its session. The two lists are walked
  /// independently.
  bool next_forgotten_topic(fetch_topic& to);
  bool next_forgotten_partition(int32_t& to);

 private:
  /// A list of topics, each with a list of partitions, and where we are in it.
  struct list {
    reader in;
    uint32_t count = 0;
    uint32_t topics_left = 0;
    uint32_t partitions_left = 0;
    bool inside_topic = false;
  };

  fetch_reader(const reader& in, int16_t version);
  bool flexible() const { return version_ >= fetch_request::first_flexible; }
  void open_list(list& which, const reader& in);
  bool enter_topic(list& which, fetch_topic& to, size_t partition_size);

  int16_t version_;
  fetch_request settings_;
  list topics_;
  list forgotten_;
  uint64_t partition_count_ = 0;
  uint64_t forgotten_partition_count_ = 0;
};

}  // namespace millrace::wire::kafka
