#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hh"
#include "wire/http/status.hh"

/// The head of an HTTP/1.1 answer, and what frames a body whose length nobody knows beforehand.

namespace millrace::wire::http {

struct response_head {
  http::status status = status::ok;
  std::string_view content_type;
  std::optional<uint64_t> body_bytes;  ///< none: in chunks, or until the connection ends
  bool chunked = false;
  bool keeps_alive = true;
  std::string_view allow;  ///< with status::method_not_allowed: the methods that are
  base::unix_ms now = 0;
};

void write(std::string& out, const response_head& head);
/// What stands before a chunk of `bytes`; behind it stands chunk_end.
void write_chunk_size(std::string& out, size_t bytes);
inline constexpr std::string_view chunk_end = "\r\n";
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

/// A time as HTTP writes it: "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7).
void write_date(std::string& out, base::unix_ms time);

}  // namespace millrace::wire::http
