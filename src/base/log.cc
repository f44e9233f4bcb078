#include "base/log.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace millrace::base {
namespace {

/// A line being written: what does not fit is dropped and remembered.
class line_writer {
 public:
  explicit line_writer(std::span<char> buffer) : buffer_(buffer) {}

  void put(char c) { put(std::string_view(&c, 1)); }
  void put(std::string_view text) {
    const size_t fits = std::min(text.size(), buffer_.size() - size_);
    if (fits > 0) std::memcpy(buffer_.data() + size_, text.data(), fits);
    size_ += fits;
    cut_ = cut_ || fits < text.size();
  }
  template <class... Args>
  void format(fmt::format_string<Args...> pattern, Args&&... args) {
    char small[64];
    const auto done = fmt::format_to_n(small, sizeof small, pattern, std::forward<Args>(args)...);
    put({small, std::min(done.size, sizeof small)});
  }
  std::string_view finish() {
    static constexpr std::string_view ellipsis = "...";
    if (cut_) {
      // Not in the middle of a UTF-8 character.
      size_t end = buffer_.size() - std::min(buffer_.size(), ellipsis.size());
      while (end > 0 && (static_cast<uint8_t>(buffer_[end]) & 0xc0) == 0x80) --end;
      size_ = end;
      put(ellipsis);
    }
    return {buffer_.data(), size_};
  }

 private:
  std::span<char> buffer_;
  size_t size_ = 0;
  bool cut_ = false;
};

bool is_control(char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; }

void put_escaped(line_writer& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '"':
        out.put("\\\"");
        break;
      case '\\':
        out.put("\\\\");
        break;
      case '\n':
        out.put("\\n");
        break;
      case '\r':
        out.put("\\r");
        break;
      case '\t':
        out.put("\\t");
        break;
      default:
        if (is_control(c)) {
          out.format("\\x{:02x}", static_cast<uint8_t>(c));
        } else {
          out.put(c);
        }
    }
  }
}

void put_text(line_writer& out, std::string_view text) {
  const bool plain = !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
    return is_control(c) || c == ' ' || c == '"' || c == '=' || c == '\\';
  });
  if (plain) return out.put(text);
  out.put('"');
  put_escaped(out, text);
  out.put('"');
}

void put_failure(line_writer& out, error why) {
  out.put(name_of(why.code));
  if (why.detail != 0) out.format("({})", why.detail);
  if (why.place != 0) out.format("@{}", why.place);
}

void put_value(line_writer& out, const log_field& field) {
  switch (field.what) {
    case log_field::kind::signed_number:
      return out.format("{}", field.signed_number);
    case log_field::kind::unsigned_number:
      return out.format("{}", field.unsigned_number);
    case log_field::kind::real:
      return out.format("{:.6g}", field.real);
    case log_field::kind::truth:
      return out.put(field.truth ? "true" : "false");
    case log_field::kind::text:
      return put_text(out, field.text);
    case log_field::kind::failure:
      return put_failure(out, field.failure);
    case log_field::kind::nanoseconds:
      return out.format("{}us", field.signed_number / 1000);
  }
}

/// The day of a count of days since 1970-01-01, by the calendar's cycle of 400 years (146,097 days)
/// reckoned from March, so that a leap day is the last of its year.
void put_date(line_writer& out, int64_t days) {
  const int64_t shifted = days + 719468;  // since 0000-03-01
  const int64_t cycle = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const int64_t day_of_cycle = shifted - cycle * 146097;
  const int64_t year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36524 - day_of_cycle / 146096) / 365;
  const int64_t day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  out.format("{:04}-{:02}-{:02}", year_of_cycle + cycle * 400 + (month <= 2 ? 1 : 0), month, day);
}

void put_time(line_writer& out, unix_ms time) {
  constexpr int64_t day_ms = 86400000;
  const int64_t days = (time >= 0 ? time : time - (day_ms - 1)) / day_ms;
  const int64_t ms = time - days * day_ms;
  put_date(out, days);
  out.format("T{:02}:{:02}:{:02}.{:03}Z", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

}  // namespace

std::string_view name_of(log_level level) noexcept {
  switch (level) {
    case log_level::debug:
      return "DEBUG";
    case log_level::info:
      return "INFO";
    case log_level::warn:
      return "WARN";
    case log_level::error:
      return "ERROR";
  }
  return "UNKNOWN";
}

std::string_view format_log_line(std::span<char> buffer, const log_event& event) noexcept {
  line_writer out(buffer);
  // A clock that is off by more than ages would make the arithmetic overflow; such a time is shown
  // as its bound.
  constexpr unix_ms farthest = 253402300799999;  // the end of the year 9999
  put_time(out, std::clamp<unix_ms>(event.wall_time, 0, farthest));
  out.put(' ');
  out.put(name_of(event.level));
  out.format(" core={} ", event.core.value());
  out.put(event.room);
  out.put(' ');
  put_escaped(out, event.message);
  for (const log_field& field : event.fields) {
    out.put(' ');
    out.put(field.key);
    out.put('=');
    put_value(out, field);
  }
  return out.finish();
}

void logger::write(log_level level, std::string_view room, std::string_view message, std::span<const log_field> fields) {
  char line[log_line_bytes_max];
  write_(self_, format_log_line(line, {level, now_(self_), core_, room, message, fields}));
}

}  // namespace millrace::base
