#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::wire::http {

/// What an answer says first (RFC 9110, 15), as far as this server says it.
enum class status : uint16_t {
  ok = 200,
  bad_request = 400,
  not_found = 404,
  method_not_allowed = 405,
  length_required = 411,
  content_too_large = 413,
  uri_too_long = 414,
  expectation_failed = 417,
  head_too_large = 431,
  not_implemented = 501,
  service_unavailable = 503,
  version_not_supported = 505,
};

/// "Not Found".
std::string_view reason_of(status s) noexcept;

}  // namespace millrace::wire::http
