#pragma once

#include "wire/kafka/messages/fetch.hh"
#include "wire/kafka/writer.hh"

/// Writes a Fetch response topic by topic: begin, then for each topic topic() and its partition()s,
/// then end(). The same calls on a byte_counter give the size first. The counts must come true.
/// Versions 4-18.
///
/// The record batches need not be copied. On a gather_writer a partition's records are left out,
/// only their length is written, and after partition() the sink's cut() says after how many bytes
/// of its memory they belong:
///
///   [0, cut 1)  records 1  [cut 1, cut 2)  records 2  ...  [cut n, written())
///
/// is the response as a gather list. The memory for the gather_writer is written() less
/// record_bytes() of the byte_counter; of the spans in `records` only the size is looked at. Null
/// records are written as null.

namespace millrace::wire::kafka {

template <class Sink>
class basic_fetch_response_writer {
 public:
  /// `head` gives throttle time, error, session id and node endpoints (its topics are not looked
  /// at) and outlives this.
  basic_fetch_response_writer(Sink& out, int16_t version, const fetch_response& head)
      : out_(out), version_(version), head_(head) {
    ASSERT(version >= fetch_response::min_version && version <= fetch_response::max_version);
  }

  void begin(size_t topic_count);
  /// Name or id of `one` are written, not its partitions.
  void topic(const fetch_response_fetchable_topic& one, size_t partition_count);
  void partition(const fetch_response_partition_data& one);
  void end();

 private:
  bool flexible() const { return version_ >= fetch_response::first_flexible; }
  void end_topic();

  Sink& out_;
  const int16_t version_;
  const fetch_response& head_;
  size_t topics_left_ = 0;
  size_t partitions_left_ = 0;
  bool inside_topic_ = false;
};

using fetch_response_writer = basic_fetch_response_writer<writer>;
using fetch_response_gatherer = basic_fetch_response_writer<gather_writer>;
using fetch_response_counter = basic_fetch_response_writer<byte_counter>;
extern template class basic_fetch_response_writer<writer>;
extern template class basic_fetch_response_writer<gather_writer>;
extern template class basic_fetch_response_writer<byte_counter>;

}  // namespace millrace::wire::kafka
