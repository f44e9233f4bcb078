#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

/// A measuring program that cannot measure says why in one line and ends with status 1: it has
/// nothing to save.

namespace millrace::bench {

template <class... Args>
[[noreturn]] void die(fmt::format_string<Args...> format, Args&&... args) {
  std::fflush(stdout);
  fmt::print(stderr, "error: {}\n", fmt::format(format, std::forward<Args>(args)...));
  std::exit(1);
}

/// The answer of a system call, or the end with its errno (from `errno`, or negative in the answer
/// itself).
template <class Int>
Int must(Int answer, const char* what) {
  if (answer < 0) die("{}: {}", what, std::strerror(errno != 0 && answer == -1 ? errno : -static_cast<int>(answer)));
  return answer;
}

}  // namespace millrace::bench
