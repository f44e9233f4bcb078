#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "checkers/findings.hh"

/// The high watermark of a partition never goes back, as seen by one who asks after an answer came: a request takes the
/// floor of the moment in which it is sent.

namespace millrace::swarm {

class watermark_monotonic {
 public:
  int64_t floor() const noexcept { return high_; }

  /// An answer to a request that was sent when floor() was `floor`.
  void shown(findings& out, const std::string& partition, int64_t floor, int64_t high) {
    if (high < floor) {
      out.report(broken::safety, "watermark_monotonic",
                 partition + " went back from " + std::to_string(floor) + " to " + std::to_string(high));
    }
    high_ = std::max(high_, high);
  }
  /// An acknowledgement: a request sent from now on must see it.
  void acknowledged(int64_t next) noexcept { high_ = std::max(high_, next); }
  /// What lay above `end` is lost, and may be.
  void cut(int64_t end) noexcept { high_ = std::min(high_, end); }

 private:
  int64_t high_ = 0;
};

}  // namespace millrace::swarm
