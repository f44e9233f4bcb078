#pragma once

#include "wire/kafka/messages/produce.hh"
#include "wire/kafka/reader.hh"

/// A Produce request as a cursor: no arena, no allocation, records stay where they were received.
/// open() walks the whole request once, hopping over the records, so a request that is wrong
/// anywhere is refused before any of it is used, and what follows cannot fail. The bytes outlive
/// the cursor. A value; one core.

namespace millrace::wire::kafka {

struct produce_topic {
  std::string_view name;  ///< versions 3-12
  base::uuid topic_id;    ///< version 13
  uint32_t partition_count = 0;
};

class produce_reader {
 public:
  /// `in` stands at the body and is not moved. Errors: those of decode<produce_request>.
  static base::result<produce_reader> open(const reader& in, int16_t version);

  /// Transactional id, acks and timeout; the topics in it are empty.
  const produce_request& settings() const { return settings_; }
  uint32_t topic_count() const { return topic_count_; }
  /// Of all topics together.
  uint64_t partition_count() const { return partition_count_; }
  uint64_t record_bytes() const { return record_bytes_; }

  /// The next topic, whatever is left of the one before; false after the last.
  bool next_topic(produce_topic& to);
  /// The next partition of the current topic; false after its last.
  bool next_partition(produce_request_partition_data& to);

 private:
  produce_reader(const reader& in, int16_t version);
  bool flexible() const { return version_ >= produce_request::first_flexible; }
  void check();
  void rewind();

  reader in_;
  reader topics_;  ///< stands at the first topic
  int16_t version_;
  produce_request settings_;
  uint32_t topic_count_ = 0;
  uint32_t topics_left_ = 0;
  uint32_t partitions_left_ = 0;
  bool inside_topic_ = false;
  uint64_t partition_count_ = 0;
  uint64_t record_bytes_ = 0;
};

}  // namespace millrace::wire::kafka
