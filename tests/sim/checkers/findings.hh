#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/time.hh"

/// What the checkers found: the first thing counts, since all after it may be its echo.

namespace millrace::swarm {

/// What kind of promise is broken; the exit code of the program.
enum class broken : int { nothing = 0, crash = 2, safety = 3, liveness = 4 };

struct finding {
  broken kind = broken::nothing;
  std::string checker;
  std::string what;
};

class findings {
 public:
  void report(broken kind, std::string checker, std::string what) {
    if (!first_) first_ = finding{kind, std::move(checker), std::move(what)};
  }
  bool any() const noexcept { return first_.has_value(); }
  const finding& first() const { return *first_; }

 private:
  std::optional<finding> first_;
};

/// Where a partition is named in a report.
inline std::string at_offset(const std::string& partition, int64_t offset) {
  return partition + "@" + std::to_string(offset);
}

}  // namespace millrace::swarm
