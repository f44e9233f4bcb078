#include "wire/http/request_head.hh"

#include <algorithm>
#include <charconv>

namespace millrace::wire::http {

namespace {

constexpr std::string_view methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"};

bool is_token_byte(char c) noexcept {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         others.find(c) != std::string_view::npos;
}
bool is_token(std::string_view text) noexcept { return !text.empty() && std::ranges::all_of(text, is_token_byte); }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
/// Of a field's value: what can be seen, blanks, and bytes above ASCII.
bool is_value_byte(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return is_blank(c) || (byte >= 0x21 && byte != 0x7f);
}
bool is_target_byte(char c) noexcept { return c > 0x20 && c < 0x7f && c != '#' && c != '"' && c != '<' && c != '>'; }
char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Takes the first line off, without its end.
std::string_view take_line(std::string_view& rest) noexcept {
  const size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// Calls out(token) for each element of a list with commas.
template <class Out>
void each_token(std::string_view list, Out&& out) {
  while (true) {
    const size_t comma = list.find(',');
    const std::string_view token = trimmed(list.substr(0, comma));
    if (!token.empty()) out(token);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

/// "/path?query", or the whole "http://host/path?query" that a server must take too.
bool read_target(std::string_view target, request_head& into) noexcept {
  if (!std::ranges::all_of(target, is_target_byte)) return false;
  constexpr std::string_view scheme = "http://";
  if (target.size() > scheme.size() && same_token(target.substr(0, scheme.size()), scheme)) {
    const size_t slash = target.find('/', scheme.size());
    if (slash == scheme.size()) return false;
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  if (!target.starts_with('/') && target != "*") return false;
  const size_t mark = target.find('?');
  into.path = target.substr(0, mark);
  into.query = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  return true;
}

status read_version(std::string_view version, request_head& into) noexcept {
  constexpr std::string_view name = "HTTP/";
  const bool formed = version.size() == name.size() + 3 && version.starts_with(name) && is_digit(version[5]) &&
                      version[6] == '.' && is_digit(version[7]);
  if (!formed) return status::bad_request;
  if (version[5] != '1') return status::version_not_supported;
  into.takes_chunks = version[7] != '0';
  into.keeps_alive = into.takes_chunks;
  return status::ok;
}

status read_request_line(std::string_view line, request_head& into) noexcept {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return status::bad_request;
  const std::string_view name = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (!is_token(name)) return status::bad_request;
  if (target.size() > target_bytes_max) return status::uri_too_long;
  if (const status s = read_version(line.substr(last + 1), into); s != status::ok) return s;
  const auto* const known = std::ranges::find(methods, name);
  if (known == std::end(methods)) return status::not_implemented;
  into.method = static_cast<method>(known - std::begin(methods));
  return read_target(target, into) ? status::ok : status::bad_request;
}

status read_field(std::string_view line, request_head& into) noexcept {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return status::bad_request;
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (!std::ranges::all_of(value, is_value_byte)) return status::bad_request;
  if (into.field_count == fields_max) return status::head_too_large;
  into.fields[into.field_count++] = {line.substr(0, colon), value};
  return status::ok;
}

/// How often each field came that may come once, and what is judged at the end.
struct seen_fields {
  unsigned host = 0;
  unsigned length = 0;
  unsigned coding = 0;
  bool closes = false;
};

status read_length(std::string_view value, request_head& into) noexcept {
  const auto [end, wrong] = std::from_chars(value.data(), value.data() + value.size(), into.body_bytes);
  // from_chars takes no sign for an unsigned number, and no blank.
  if (wrong == std::errc::result_out_of_range) return status::content_too_large;
  return wrong == std::errc() && end == value.data() + value.size() ? status::ok : status::bad_request;
}

status apply(const field& f, seen_fields& seen, request_head& into) noexcept {
  if (same_token(f.name, "host")) {
    ++seen.host;
  } else if (same_token(f.name, "content-length")) {
    if (++seen.length > 1) return status::bad_request;
    return read_length(f.value, into);
  } else if (same_token(f.name, "transfer-encoding")) {
    ++seen.coding;
  } else if (same_token(f.name, "connection")) {
    each_token(f.value, [&](std::string_view token) {
      if (same_token(token, "keep-alive")) into.keeps_alive = true;
      if (same_token(token, "close")) seen.closes = true;
    });
  } else if (same_token(f.name, "expect")) {
    if (!same_token(f.value, "100-continue")) return status::expectation_failed;
    into.expects_continue = true;
  }
  return status::ok;
}

/// What stands in several fields together. A body without a length is not taken: no request here has one.
status judge(const seen_fields& seen, request_head& into) noexcept {
  if (seen.host > 1 || (seen.host == 0 && into.takes_chunks)) return status::bad_request;
  if (seen.coding > 0) {
    if (seen.length > 0 || seen.coding > 1 || !into.takes_chunks) return status::bad_request;
    return same_token(into.find("transfer-encoding"), "chunked") ? status::length_required : status::not_implemented;
  }
  if (seen.closes) into.keeps_alive = false;  // whatever else it says
  return status::ok;
}

}  // namespace

bool same_token(std::string_view a, std::string_view b) noexcept { return std::ranges::equal(a, b, {}, lower, lower); }

std::string_view request_head::find(std::string_view name) const noexcept {
  for (size_t i = 0; i < field_count; ++i) {
    if (same_token(fields[i].name, name)) return fields[i].value;
  }
  return {};
}

size_t empty_lines(std::string_view bytes) noexcept {
  size_t at = 0;
  while (at < bytes.size()) {
    if (bytes[at] == '\n') {
      ++at;
    } else if (bytes[at] == '\r' && at + 1 < bytes.size() && bytes[at + 1] == '\n') {
      at += 2;
    } else {
      break;
    }
  }
  return at;
}

size_t head_size(std::string_view bytes, size_t looked) noexcept {
  // The two ends of line may have been cut apart.
  size_t at = looked > 3 ? looked - 3 : 0;
  while (true) {
    at = bytes.find('\n', at);
    if (at == std::string_view::npos) return 0;
    ++at;
    const std::string_view behind = bytes.substr(at);
    if (behind.starts_with('\n')) return at + 1;
    if (behind.starts_with("\r\n")) return at + 2;
  }
}

status too_long(std::string_view bytes) noexcept {
  const bool line_ends = bytes.substr(0, head_bytes_max).find('\n') != std::string_view::npos;
  return line_ends ? status::head_too_large : status::uri_too_long;
}

status parse(std::string_view head, request_head& into) noexcept {
  into = request_head{};
  std::string_view rest = head;
  if (const status s = read_request_line(take_line(rest), into); s != status::ok) return s;
  seen_fields seen;
  while (!rest.empty()) {
    const std::string_view line = take_line(rest);
    if (line.empty()) break;
    if (const status s = read_field(line, into); s != status::ok) return s;
    if (const status s = apply(into.fields[into.field_count - 1], seen, into); s != status::ok) return s;
  }
  return judge(seen, into);
}

}  // namespace millrace::wire::http
