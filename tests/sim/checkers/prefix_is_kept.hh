#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "base/time.hh"
#include "checkers/findings.hh"
#include "checkers/progress.hh"

/// Of a topic that is answered from memory (millrace.ack=memory) the end of a process may take what was acknowledged last,
/// and nothing else: what a start finds is a prefix of whole batches, and it holds what an earlier start found, all of it
/// where the process before was stopped, and what was acknowledged a while ago when nothing was wrong. All other checkers
/// judge what is left; that nothing of the rest turns up again is settled_at_start's.

namespace millrace::swarm {

class prefix_is_kept {
 public:
  /// What was acknowledged is on stable storage after this time of peace.
  static constexpr base::duration soon = base::seconds(1);

  /// Of a partition where this is off nothing may be lost.
  void turn_on() noexcept { on_ = true; }
  bool on() const noexcept { return on_; }

  void acknowledged(base::instant now, int64_t next) {
    if (on_) recent_.push_back({now, next});
  }
  /// A process of the broker ended at `now`, by itself or not, before whoever ended it called that a trouble.
  void process_ended(bool stopped, base::instant now, const progress& watch) {
    for (const ack& a : recent_) {
      if (stopped || (now - a.at > soon && watch.quiet_since(a.at))) safe_ = std::max(safe_, a.next);
    }
    recent_.clear();
  }
  /// The start number `process` found the log's end there.
  void found(findings& out, const std::string& partition, unsigned process, int64_t end) {
    if (end < safe_) {
      out.report(broken::safety, "prefix_is_kept",
                 "a start found " + at_offset(partition, end) + ", and " + std::to_string(safe_) + " was on stable storage");
    }
    safe_ = end;
    ends_[process] = end;
    recent_.clear();  // what was told late is of an earlier process
  }
  /// From here on is lost what the process of this number said.
  int64_t limit(unsigned process) const {
    int64_t least = INT64_MAX;
    for (auto later = ends_.upper_bound(process); later != ends_.end(); ++later) least = std::min(least, later->second);
    return least;
  }

 private:
  struct ack {
    base::instant at;
    int64_t next;
  };
  bool on_ = false;
  int64_t safe_ = 0;                  // below it nothing may be lost
  std::deque<ack> recent_;            // of this process
  std::map<unsigned, int64_t> ends_;  // by the number of the start that found them
};

}  // namespace millrace::swarm
