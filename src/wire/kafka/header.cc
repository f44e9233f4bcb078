#include "wire/kafka/header.hh"

#include "wire/kafka/api_table.hh"

namespace millrace::wire::kafka {

namespace {

int16_t header_version(const request_header& header) {
  return request_header_version(header.request_api_key, header.request_api_version);
}

/// A frame's length is an int32; what we answer was bounded long before.
void put_length(writer& out, size_t size) {
  ASSERT(size <= INT32_MAX);
  out.number(static_cast<int32_t>(size));
}

}  // namespace

base::result<request_header> decode_request_header(reader& in) {
  reader ahead = in;
  const auto key = ahead.number<int16_t>();
  const auto version = ahead.number<int16_t>();
  if (!ahead.ok()) return ahead.failure();
  if (find_api(key) == nullptr) return base::fail(base::errc::unsupported, key);
  arena no_arrays(0);
  return decode<request_header>(in, request_header_version(key, version), no_arrays);
}

size_t response_frame_size(int16_t key, int16_t version, size_t body_bytes) {
  return frame_length_bytes + size_of(response_header{}, response_header_version(key, version)) + body_bytes;
}

void begin_response_frame(writer& out, int16_t key, int16_t version, int32_t correlation_id, size_t body_bytes) {
  put_length(out, response_frame_size(key, version, body_bytes) - frame_length_bytes);
  encode(out, response_header{.correlation_id = correlation_id}, response_header_version(key, version));
}

size_t request_frame_size(const request_header& header, size_t body_bytes) {
  return frame_length_bytes + size_of(header, header_version(header)) + body_bytes;
}

void begin_request_frame(writer& out, const request_header& header, size_t body_bytes) {
  put_length(out, request_frame_size(header, body_bytes) - frame_length_bytes);
  encode(out, header, header_version(header));
}

}  // namespace millrace::wire::kafka
