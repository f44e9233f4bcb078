#include "wire/kafka/fetch_response_writer.hh"

#include "wire/kafka/encoding.hh"
#include "wire/kafka/messages/fetch_walk.hh"

namespace millrace::wire::kafka {

template <class Sink>
void basic_fetch_response_writer<Sink>::begin(size_t topic_count) {
  topics_left_ = topic_count;
  encoding<Sink> w(out_, version_, flexible());
  w.field(head_.throttle_time_ms);
  if (version_ >= 7) w.field(head_.error_code);
  if (version_ >= 7) w.field(head_.session_id);
  w.length(topic_count);
}

template <class Sink>
void basic_fetch_response_writer<Sink>::topic(const fetch_response_fetchable_topic& one, size_t partition_count) {
  end_topic();
  ASSERT(topics_left_ > 0);
  --topics_left_;
  inside_topic_ = true;
  partitions_left_ = partition_count;
  encoding<Sink> w(out_, version_, flexible());
  if (version_ <= 12) w.field(one.topic);
  if (version_ >= 13) w.field(one.topic_id);
  w.length(partition_count);
}

template <class Sink>
void basic_fetch_response_writer<Sink>::partition(const fetch_response_partition_data& one) {
  ASSERT(partitions_left_ > 0);
  --partitions_left_;
  encoding<Sink> w(out_, version_, flexible());
  walk(w, one);
}

template <class Sink>
void basic_fetch_response_writer<Sink>::end_topic() {
  ASSERT(partitions_left_ == 0);
  if (inside_topic_) encoding<Sink>(out_, version_, flexible()).tags();
  inside_topic_ = false;
}

template <class Sink>
void basic_fetch_response_writer<Sink>::end() {
  end_topic();
  ASSERT(topics_left_ == 0);
  constexpr fetch_response initial{};
  encoding<Sink>(out_, version_, flexible())
      .tags(known_tag(0, version_ >= 16, head_.node_endpoints, initial.node_endpoints));
}

template class basic_fetch_response_writer<writer>;
template class basic_fetch_response_writer<gather_writer>;
template class basic_fetch_response_writer<byte_counter>;

}  // namespace millrace::wire::kafka
