#pragma once

#include "wire/kafka/messages/produce.hh"
#include "wire/kafka/writer.hh"

/// Writes a Produce response topic by topic, without building the whole struct: begin, then for
/// each topic topic() and its partition()s, then end(). The same calls on a byte_counter give the
/// size first. The counts must come true. Versions 0-13.

namespace millrace::wire::kafka {

template <class Sink>
class basic_produce_response_writer {
 public:
  /// `head` gives throttle time and node endpoints (its topics are not looked at) and outlives
  /// this.
  basic_produce_response_writer(Sink& out, int16_t version, const produce_response& head)
      : out_(out), version_(version), head_(head) {
    ASSERT(version >= 0 && version <= produce_response::max_version);
  }

  void begin(size_t topic_count);
  /// Name or id of `one` are written, not its partitions.
  void topic(const produce_response_topic& one, size_t partition_count);
  void partition(const produce_response_partition& one);
  void end();

 private:
  bool flexible() const { return version_ >= produce_response::first_flexible; }
  void end_topic();

  Sink& out_;
  const int16_t version_;
  const produce_response& head_;
  size_t topics_left_ = 0;
  size_t partitions_left_ = 0;
  bool inside_topic_ = false;
};

using produce_response_writer = basic_produce_response_writer<writer>;
using produce_response_counter = basic_produce_response_writer<byte_counter>;
extern template class basic_produce_response_writer<writer>;
extern template class basic_produce_response_writer<byte_counter>;

}  // namespace millrace::wire::kafka
