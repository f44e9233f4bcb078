#include "wire/kafka/produce_reader.hh"

#include "wire/kafka/decoding.hh"
#include "wire/kafka/message.hh"
#include "wire/kafka/messages/produce_walk.hh"

namespace millrace::wire::kafka {

namespace {
// The fewest bytes of an element in any version: name, count and tags; index, records and tags.
constexpr size_t topic_bytes_min = 3;
constexpr size_t partition_bytes_min = 6;
}  // namespace

base::result<produce_reader> produce_reader::open(const reader& in, int16_t version) {
  if (!has_version<produce_request>(version)) return base::fail(base::errc::unsupported, version);
  produce_reader request(in, version);
  request.check();
  if (!request.in_.ok()) return request.in_.failure();
  request.rewind();
  return request;
}

produce_reader::produce_reader(const reader& in, int16_t version) : in_(in), topics_(in), version_(version) {
  settings_.transactional_id = in_.nullable_string(flexible());
  settings_.acks = in_.number<int16_t>();
  settings_.timeout_ms = in_.number<int32_t>();
  topic_count_ = in_.count(flexible(), topic_bytes_min);
  topics_ = in_;
  rewind();
}

void produce_reader::rewind() {
  in_ = topics_;
  topics_left_ = topic_count_;
  partitions_left_ = 0;
  inside_topic_ = false;
}

/// Walks to the end; what is wrong sticks in in_.
void produce_reader::check() {
  produce_topic topic;
  produce_request_partition_data partition;
  while (next_topic(topic)) {
    partition_count_ += topic.partition_count;
    while (next_partition(partition)) record_bytes_ += partition.records ? partition.records->size() : 0;
  }
  if (flexible()) in_.skip_tags();
}

bool produce_reader::next_topic(produce_topic& to) {
  produce_request_partition_data skipped;
  while (next_partition(skipped)) {
  }
  if (inside_topic_ && flexible()) in_.skip_tags();
  inside_topic_ = topics_left_ > 0 && in_.ok();
  if (!inside_topic_) return false;
  --topics_left_;
  to = {};
  if (version_ >= 13) {
    to.topic_id = in_.id();
  } else {
    to.name = in_.string(flexible());
  }
  to.partition_count = partitions_left_ = in_.count(flexible(), partition_bytes_min);
  return in_.ok();
}

bool produce_reader::next_partition(produce_request_partition_data& to) {
  if (partitions_left_ == 0 || !in_.ok()) return false;
  --partitions_left_;
  decoding w(in_, nullptr, version_, flexible());
  walk(w, to);
  return in_.ok();
}

}  // namespace millrace::wire::kafka
