#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "wire/http/status.hh"

/// The head of an HTTP/1 request (RFC 9112): from its bytes to its parts. Whatever two readers could understand in two
/// ways is refused, since a proxy before us may be the other reader: folded lines, blanks before a colon, a length that is
/// said twice or beside a transfer coding. A line may end in LF alone.

namespace millrace::wire::http {

inline constexpr size_t head_bytes_max = 8192;
inline constexpr size_t target_bytes_max = 4096;
inline constexpr size_t fields_max = 64;

enum class method : uint8_t { get, head, post, put, patch, remove, options, trace, connect };

struct field {
  std::string_view name;
  std::string_view value;
};

/// Views point into the bytes that were parsed.
struct request_head {
  http::method method = method::get;
  std::string_view path;   ///< as it was sent: nothing is decoded
  std::string_view query;  ///< behind the '?', or empty
  bool keeps_alive = true;
  bool takes_chunks = true;  ///< a client of HTTP/1.1
  bool expects_continue = false;
  uint64_t body_bytes = 0;
  std::array<field, fields_max> fields{};
  size_t field_count = 0;

  /// The first field of this name, in any case; without bytes where there is none.
  std::string_view find(std::string_view name) const noexcept;
};

/// Empty lines before a request, which clients leave behind bodies: bytes to pass over.
size_t empty_lines(std::string_view bytes) noexcept;
/// Bytes of the head that begins here, with the empty line that ends it; 0 where that has not come yet. `looked`: how many
/// bytes were looked at before.
size_t head_size(std::string_view bytes, size_t looked) noexcept;
/// What is wrong with a head that is longer than it may be.
status too_long(std::string_view bytes) noexcept;
/// Parses a whole head: status::ok, or what to refuse the request with. Then nobody can say where the next one begins.
status parse(std::string_view head, request_head& into) noexcept;

bool same_token(std::string_view a, std::string_view b) noexcept;  ///< ASCII letters in any case

}  // namespace millrace::wire::http
