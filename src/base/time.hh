#pragma once

#include <compare>
#include <cstdint>

/// Types of time. Reading a clock is the backend's work (reactor/backend.hh), so that the simulator owns time.

namespace millrace::base {

/// A length of time in nanoseconds.
struct duration {
  int64_t ns = 0;
  friend constexpr auto operator<=>(const duration&, const duration&) = default;
  constexpr duration operator+(duration o) const { return {ns + o.ns}; }
  constexpr duration operator-(duration o) const { return {ns - o.ns}; }
  constexpr duration operator*(int64_t k) const { return {ns * k}; }
  constexpr duration operator/(int64_t k) const { return {ns / k}; }
  constexpr int64_t us() const { return ns / 1000; }
  constexpr int64_t ms() const { return ns / 1000000; }
};
constexpr duration nanoseconds(int64_t n) { return {n}; }
constexpr duration microseconds(int64_t n) { return {n * 1000}; }
constexpr duration milliseconds(int64_t n) { return {n * 1000000}; }
constexpr duration seconds(int64_t n) { return {n * 1000000000}; }

/// A point on the monotonic clock, nanoseconds since some start that does not change in a run.
struct instant {
  int64_t ns = 0;
  friend constexpr auto operator<=>(const instant&, const instant&) = default;
  constexpr instant operator+(duration d) const { return {ns + d.ns}; }
  constexpr instant operator-(duration d) const { return {ns - d.ns}; }
  constexpr duration operator-(instant o) const { return {ns - o.ns}; }
  static constexpr instant never() { return {INT64_MAX}; }
};

/// Milliseconds since 1970 UTC: what Kafka's records carry.
using unix_ms = int64_t;

}  // namespace millrace::base
