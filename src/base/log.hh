#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/limits.hh"
#include "base/result.hh"
#include "base/tagged.hh"
#include "base/time.hh"

/// Lines of the program's log. One event is one line of at most log_line_bytes_max bytes:
///
///   2026-11-21T10:00:00.123Z INFO core=0 storage segment rolled topic=orders base=4711
///
/// the wall clock in UTC, the level, the core, the room, a message of ours, then fields in logfmt:
/// a value with a space, quote, equals sign or control byte is quoted and escaped. A line that is
/// too long ends in "...". Making a line allocates nothing; writing it anywhere is the sink's work,
/// which must not block a core.

namespace millrace::base {

enum class log_level : uint8_t { debug, info, warn, error };

/// "DEBUG", "INFO", "WARN", "ERROR".
std::string_view name_of(log_level level) noexcept;

/// One key and its value. Borrows texts; lives as long as the call that logs it.
struct log_field {
  enum class kind : uint8_t { signed_number, unsigned_number, real, truth, text, failure, nanoseconds };
  std::string_view key;
  kind what;
  union {
    int64_t signed_number;
    uint64_t unsigned_number;
    double real;
    bool truth;
    error failure;
  };
  std::string_view text{};
};

inline log_field field(std::string_view key, std::string_view value) {
  return {.key = key, .what = log_field::kind::text, .unsigned_number = 0, .text = value};
}
inline log_field field(std::string_view key, const char* value) { return field(key, std::string_view(value)); }
template <std::same_as<bool> Bool>
log_field field(std::string_view key, Bool value) {
  return {.key = key, .what = log_field::kind::truth, .truth = value};
}
template <std::signed_integral Int>
log_field field(std::string_view key, Int value) {
  return {.key = key, .what = log_field::kind::signed_number, .signed_number = value};
}
template <std::unsigned_integral Int>
  requires(!std::same_as<Int, bool>)
log_field field(std::string_view key, Int value) {
  return {.key = key, .what = log_field::kind::unsigned_number, .unsigned_number = value};
}
inline log_field field(std::string_view key, double value) {
  return {.key = key, .what = log_field::kind::real, .real = value};
}
/// Shown as its code, with detail and place where they are not 0: "io(5)", "malformed(3)@2".
inline log_field field(std::string_view key, error value) {
  return {.key = key, .what = log_field::kind::failure, .failure = value};
}
/// Shown in microseconds: "1250us".
inline log_field field(std::string_view key, duration value) {
  return {.key = key, .what = log_field::kind::nanoseconds, .signed_number = value.ns};
}
template <class Value, class Tag>
log_field field(std::string_view key, tagged<Value, Tag> value) {
  return field(key, value.value());
}

/// One event before it is text.
struct log_event {
  log_level level;
  unix_ms wall_time;
  core_id core;
  std::string_view room;
  std::string_view message;
  std::span<const log_field> fields;
};

/// Writes the event into `buffer`, without an end of line, and returns what was written. Cuts to
/// the buffer.
std::string_view format_log_line(std::span<char> buffer, const log_event& event) noexcept;

/// Where a core's events go. Owned by the core, used on it alone. Both functions get `self` back.
class logger {
 public:
  using sink = void (*)(void* self, std::string_view line);
  using wall_clock = unix_ms (*)(void* self);

  /// `write` gets every line at or above `least`; it borrows the line for the call.
  logger(core_id core, log_level least, void* self, sink write, wall_clock now)
      : core_(core), least_(least), self_(self), write_(write), now_(now) {}
  logger(const logger&) = delete;
  logger& operator=(const logger&) = delete;

  bool wants(log_level level) const { return level >= least_; }
  void set_least(log_level level) { least_ = level; }

  template <class... Fields>
  void debug(std::string_view room, std::string_view message, const Fields&... fields) {
    say(log_level::debug, room, message, fields...);
  }
  template <class... Fields>
  void info(std::string_view room, std::string_view message, const Fields&... fields) {
    say(log_level::info, room, message, fields...);
  }
  template <class... Fields>
  void warn(std::string_view room, std::string_view message, const Fields&... fields) {
    say(log_level::warn, room, message, fields...);
  }
  template <class... Fields>
  void error(std::string_view room, std::string_view message, const Fields&... fields) {
    say(log_level::error, room, message, fields...);
  }

 private:
  template <std::same_as<log_field>... Fields>
  void say(log_level level, std::string_view room, std::string_view message, const Fields&... fields) {
    if (!wants(level)) return;
    const std::array<log_field, sizeof...(Fields)> all{fields...};
    write(level, room, message, all);
  }
  void write(log_level level, std::string_view room, std::string_view message, std::span<const log_field> fields);

  const core_id core_;
  log_level least_;
  void* const self_;
  const sink write_;
  const wall_clock now_;
};

}  // namespace millrace::base
