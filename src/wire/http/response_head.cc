#include "wire/http/response_head.hh"

#include <fmt/format.h>

#include <chrono>
#include <iterator>

namespace millrace::wire::http {

void write_date(std::string& out, base::unix_ms time) {
  constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::chrono::sys_time<std::chrono::milliseconds> at{std::chrono::milliseconds(time)};
  const auto midnight = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(midnight);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(at - midnight));
  const unsigned weekday = std::chrono::weekday(midnight).c_encoding();
  fmt::format_to(std::back_inserter(out), "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", days[weekday],
                 static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1],
                 static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

void write(std::string& out, const response_head& head) {
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "HTTP/1.1 {} {}\r\nDate: ", static_cast<unsigned>(head.status), reason_of(head.status));
  write_date(out, head.now);
  out += "\r\nCache-Control: no-store\r\n";
  if (!head.content_type.empty()) fmt::format_to(to, "Content-Type: {}\r\n", head.content_type);
  if (!head.allow.empty()) fmt::format_to(to, "Allow: {}\r\n", head.allow);
  if (head.body_bytes) fmt::format_to(to, "Content-Length: {}\r\n", *head.body_bytes);
  if (head.chunked) out += "Transfer-Encoding: chunked\r\n";
  out += head.keeps_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
}

void write_chunk_size(std::string& out, size_t bytes) { fmt::format_to(std::back_inserter(out), "{:x}\r\n", bytes); }

}  // namespace millrace::wire::http
