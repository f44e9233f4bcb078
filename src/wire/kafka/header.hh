#pragma once

#include "wire/kafka/messages/headers.hh"

/// Frames: what stands around the body of a request and of its response. The four bytes of the
/// frame's length count what follows them.

namespace millrace::wire::kafka {

inline constexpr size_t frame_length_bytes = 4;

/// Reads the header of a request whose frame is `in` (without the length) and leaves `in` at the
/// body. The version may be one that the table does not have: then only ApiVersions has an answer
/// (error 35, in version 0), and the body must not be read. Errors: unsupported (unknown key,
/// detail is the key), truncated, malformed, too_large.
base::result<request_header> decode_request_header(reader& in);

/// The bytes of a whole response frame, its length included, around `body_bytes`.
size_t response_frame_size(int16_t key, int16_t version, size_t body_bytes);
/// Writes the length and the header; the body follows.
void begin_response_frame(writer& out, int16_t key, int16_t version, int32_t correlation_id, size_t body_bytes);

/// The same for a request: `header` names key and version.
size_t request_frame_size(const request_header& header, size_t body_bytes);
void begin_request_frame(writer& out, const request_header& header, size_t body_bytes);

/// A whole response frame by response_frame_size(key, version, size_of(body, version)).
template <class Response>
void encode_response_frame(writer& out, int16_t version, int32_t correlation_id, const Response& body) {
  begin_response_frame(out, Response::api_key, version, correlation_id, size_of(body, version));
  encode(out, body, version);
}
template <class Response>
size_t response_frame_size(int16_t version, const Response& body) {
  return response_frame_size(Response::api_key, version, size_of(body, version));
}

}  // namespace millrace::wire::kafka
