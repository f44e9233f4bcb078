#include "wire/kafka/produce_response_writer.hh"

#include "wire/kafka/encoding.hh"
#include "wire/kafka/messages/produce_walk.hh"

namespace millrace::wire::kafka {

template <class Sink>
void basic_produce_response_writer<Sink>::begin(size_t topic_count) {
  topics_left_ = topic_count;
  encoding<Sink>(out_, version_, flexible()).length(topic_count);
}

template <class Sink>
void basic_produce_response_writer<Sink>::topic(const produce_response_topic& one, size_t partition_count) {
  end_topic();
  ASSERT(topics_left_ > 0);
  --topics_left_;
  inside_topic_ = true;
  partitions_left_ = partition_count;
  encoding<Sink> w(out_, version_, flexible());
  if (version_ <= 12) w.field(one.name);
  if (version_ >= 13) w.field(one.topic_id);
  w.length(partition_count);
}

template <class Sink>
void basic_produce_response_writer<Sink>::partition(const produce_response_partition& one) {
  ASSERT(partitions_left_ > 0);
  --partitions_left_;
  encoding<Sink> w(out_, version_, flexible());
  walk(w, one);
}

template <class Sink>
void basic_produce_response_writer<Sink>::end_topic() {
  ASSERT(partitions_left_ == 0);
  if (inside_topic_) encoding<Sink>(out_, version_, flexible()).tags();
  inside_topic_ = false;
}

template <class Sink>
void basic_produce_response_writer<Sink>::end() {
  end_topic();
  ASSERT(topics_left_ == 0);
  encoding<Sink> w(out_, version_, flexible());
  if (version_ >= 1) w.field(head_.throttle_time_ms);
  constexpr produce_response initial{};
  w.tags(known_tag(0, version_ >= 10, head_.node_endpoints, initial.node_endpoints));
}

template class basic_produce_response_writer<writer>;
template class basic_produce_response_writer<byte_counter>;

}  // namespace millrace::wire::kafka
