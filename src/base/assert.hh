#pragma once

/// ASSERT: a statement about our own code, always on. A false one ends the process: a log that no longer
/// believes its own invariants must not write. Never on what a peer or a disk sent: that is an `error`.

namespace millrace::base {

/// Prints `expression` with its place to stderr and aborts.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace millrace::base

#define ASSERT(condition)                                    \
  (__builtin_expect(!!(condition), 1) ? static_cast<void>(0) \
                                      : ::millrace::base::assertion_failed(#condition, __FILE__, __LINE__))
