#pragma once

#include "socket_client.hh"
#include "wire/kafka/messages/fetch.hh"

/// Requests of a socket_client, as frames.

namespace millrace::api::kafka::test {

/// A Fetch 11 of partition 0 of the topic "t".
inline std::vector<uint8_t> fetch(socket_client& c, int64_t offset, int32_t bytes_max, int32_t bytes_min = 1,
                                  int32_t wait_ms = 0) {
  wire::kafka::fetch_request_partition asked;
  asked.partition = 0;
  asked.fetch_offset = offset;
  asked.partition_max_bytes = bytes_max;
  wire::kafka::fetch_request_topic topic;
  topic.topic = "t";
  topic.partitions = {&asked, 1};
  wire::kafka::fetch_request request;
  request.replica_id = -1;
  request.max_bytes = bytes_max;
  request.min_bytes = bytes_min;
  request.max_wait_ms = wait_ms;
  request.session_epoch = -1;
  request.topics = {&topic, 1};
  return c.frame_of(request, 11);
}

/// The first `sent` bytes of a frame of `announced`.
inline std::vector<uint8_t> begun_frame(size_t announced, size_t sent) {
  std::vector<uint8_t> bytes(4 + sent);
  base::store_big(bytes.data(), static_cast<int32_t>(announced));
  return bytes;
}

/// Peers send as fast as they can, and much of it at once: as on a machine's own network.
inline sim::world_options fast_network() {
  sim::world_options how;
  how.network.window_bytes_least = how.network.window_bytes_most = 4 << 20;
  how.network.receive_buffers_least = how.network.receive_buffers_most = 256;
  how.network.receive_buffer_bytes_least = how.network.receive_buffer_bytes_most = 65536;
  return how;
}

}  // namespace millrace::api::kafka::test
