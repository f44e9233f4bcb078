#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "checkers/findings.hh"

/// At every moment each core holds no more memory than its configuration says: what it lends of its buffers, and what its
/// rooms have beside that, each against its own bound.

namespace millrace::swarm {

/// What one holder on a core has now, and may have. The first of a core is all that its buffer memory has lent.
struct memory_share {
  const char* holder;
  size_t now;
  size_t most;
};

using memory_shares = std::array<memory_share, 11>;

class memory_within {
 public:
  static void look(findings& out, unsigned core, const memory_shares& shares) {
    for (const memory_share& s : shares) {
      if (s.now <= s.most) continue;
      out.report(broken::safety, "memory_within",
                 std::string(s.holder) + " of core " + std::to_string(core) + " is over its bound: " + list(shares));
      return;
    }
  }

 private:
  /// Who holds what.
  static std::string list(const memory_shares& shares) {
    std::string all;
    for (const memory_share& s : shares) {
      if (!all.empty()) all += ", ";
      all += std::string(s.holder) + " " + std::to_string(s.now) + " of " + std::to_string(s.most);
    }
    return all;
  }
};

}  // namespace millrace::swarm
