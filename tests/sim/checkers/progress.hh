#pragma once

#include <string>

#include "base/time.hh"
#include "checkers/findings.hh"

/// Liveness: a request is answered, or its connection ends, within a bound of virtual time while
/// nothing is wrong. Whoever makes something wrong says so; a request that waited through any of it
/// is excused.

namespace millrace::swarm {

class progress {
 public:
  static constexpr base::duration bound = base::seconds(60);

  /// Something goes wrong from now on, or went wrong at this moment.
  void disturbed(base::instant now) { last_ = now; }
  void begin_trouble() { ++troubles_; }
  void end_trouble(base::instant now) {
    --troubles_;
    last_ = now;
  }
  bool quiet_since(base::instant since) const { return troubles_ == 0 && last_ < since; }

  void unanswered(findings& out, base::instant since, const std::string& what) const {
    if (quiet_since(since)) out.report(broken::liveness, "progress", "no answer within 60 s: " + what);
  }

 private:
  unsigned troubles_ = 0;
  base::instant last_{};
};

}  // namespace millrace::swarm
