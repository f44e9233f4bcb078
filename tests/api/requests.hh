#pragma once

#include "kafka_client.hh"
#include "wire/kafka/messages/fetch.hh"
#include "wire/kafka/messages/produce.hh"

/// Produce and Fetch requests of a few partitions, as frames.

namespace millrace::api::kafka::test {

inline frame batch_of(size_t value_bytes, int count = 1) {
  const std::vector<uint8_t> value(value_bytes, 'v');
  frame bytes;
  record::batch_builder builder(bytes, {});
  for (int i = 0; i < count; ++i) builder.add({.timestamp = 1'700'000'000'000 + i, .value = base::bytes(value)});
  ASSERT(builder.finish());
  return bytes;
}

inline frame produce_frame(std::string_view topic, int32_t partition, const frame& batch, int32_t correlation,
                           int16_t acks = -1) {
  wire::kafka::produce_request_partition_data data{.index = partition, .records = base::bytes(batch)};
  wire::kafka::produce_request_topic_data named{.name = topic, .topic_id = {}, .partition_data = {&data, 1}};
  const wire::kafka::produce_request body{
      .transactional_id = {}, .acks = acks, .timeout_ms = 30000, .topic_data = {&named, 1}};
  return frame_of(body, 9, correlation);
}

struct fetch_shape {
  int32_t min_bytes = 1;
  int32_t max_wait_ms = 0;
  int32_t max_bytes = 50 << 20;
  int32_t current_epoch = -1;
  int32_t last_fetched_epoch = -1;
};

/// Fetches partitions 0, 1, ... of a topic from these offsets.
inline frame fetch_frame(std::string_view topic, std::vector<int64_t> from, fetch_shape how, int32_t correlation) {
  std::vector<wire::kafka::fetch_request_partition> parts;
  for (size_t i = 0; i < from.size(); ++i) {
    wire::kafka::fetch_request_partition part;
    part.partition = static_cast<int32_t>(i);
    part.current_leader_epoch = how.current_epoch;
    part.last_fetched_epoch = how.last_fetched_epoch;
    part.fetch_offset = from[i];
    part.log_start_offset = -1;
    part.partition_max_bytes = 10 << 20;
    parts.push_back(part);
  }
  wire::kafka::fetch_request_topic named{.topic = topic, .topic_id = {}, .partitions = list(parts)};
  wire::kafka::fetch_request body;
  body.max_wait_ms = how.max_wait_ms;
  body.min_bytes = how.min_bytes;
  body.max_bytes = how.max_bytes;
  body.session_epoch = -1;
  body.topics = {&named, 1};
  return frame_of(body, 12, correlation);
}

/// Bytes of records in the answer to a fetch_frame().
inline size_t record_bytes(const frame& answer) {
  wire::kafka::arena memory(64 << 20);
  wire::kafka::reader in(answer);
  const auto header = wire::kafka::decode<wire::kafka::response_header>(
      in, wire::kafka::response_header_version(wire::kafka::fetch_request::api_key, 12), memory);
  ASSERT(header);
  const auto body = wire::kafka::decode<wire::kafka::fetch_response>(in, 12, memory);
  ASSERT(body);
  size_t sum = 0;
  for (const auto& topic : body->responses) {
    for (const auto& p : topic.partitions) sum += p.records ? p.records->size() : 0;
  }
  return sum;
}

}  // namespace millrace::api::kafka::test
