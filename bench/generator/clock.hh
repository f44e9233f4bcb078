#pragma once

#include <time.h>

#include <chrono>
#include <thread>

#include "base/time.hh"

/// Time as the thread that directs a run has it; cores have their own.

namespace millrace::generator {

/// Between two looks at what the cores have done.
constexpr base::duration glance = base::milliseconds(5);

inline base::instant clock_of(clockid_t which) {
  timespec t{};
  clock_gettime(which, &t);
  return {t.tv_sec * 1'000'000'000 + t.tv_nsec};
}
inline base::instant now() { return clock_of(CLOCK_MONOTONIC); }
inline base::duration seconds_of(double s) { return base::nanoseconds(static_cast<int64_t>(s * 1e9)); }
inline double in_seconds(base::duration d) { return static_cast<double>(d.ns) / 1e9; }
inline void nap(base::duration length) { std::this_thread::sleep_for(std::chrono::nanoseconds(length.ns)); }

}  // namespace millrace::generator
