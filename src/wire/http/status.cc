#include "wire/http/status.hh"

namespace millrace::wire::http {

std::string_view reason_of(status s) noexcept {
  switch (s) {
    case status::ok:
      return "OK";
    case status::bad_request:
      return "Bad Request";
    case status::not_found:
      return "Not Found";
    case status::method_not_allowed:
      return "Method Not Allowed";
    case status::length_required:
      return "Length Required";
    case status::content_too_large:
      return "Content Too Large";
    case status::uri_too_long:
      return "URI Too Long";
    case status::expectation_failed:
      return "Expectation Failed";
    case status::head_too_large:
      return "Request Header Fields Too Large";
    case status::not_implemented:
      return "Not Implemented";
    case status::service_unavailable:
      return "Service Unavailable";
    case status::version_not_supported:
      return "HTTP Version Not Supported";
  }
  return "Unknown";
}

}  // namespace millrace::wire::http
