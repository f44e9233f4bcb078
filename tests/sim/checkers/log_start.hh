#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include "checkers/acked_is_kept.hh"
#include "checkers/findings.hh"
#include "checkers/sent_is_read.hh"

/// A log starts where somebody asked for it, or where its topic's retention may have moved it; it never goes back, also not
/// across a crash; what lies below is not read; and after a while it is where retention must have moved it.

namespace millrace::swarm {

/// What a topic was told to keep; -1: everything.
struct kept_bounds {
  int64_t ms = -1;
  int64_t bytes = -1;
};

/// Of one incarnation of a topic.
struct topic_retention {
  kept_bounds strictest;  ///< the smallest that was ever asked for: what may have gone
  kept_bounds in_force;   ///< as far as it is known: what must go
  bool judged() const { return strictest.ms >= 0 || strictest.bytes >= 0; }
  /// A setting is sent; nobody knows what holds until it is answered.
  void ask(const kept_bounds& b) {
    strictest.ms = least(strictest.ms, b.ms);
    strictest.bytes = least(strictest.bytes, b.bytes);
    in_force = {};
  }
  void answered(const kept_bounds& b) { in_force = b; }

 private:
  static int64_t least(int64_t a, int64_t b) { return a < 0 ? b : b < 0 ? a : std::min(a, b); }
};

/// Deletions that were asked for by a partition's name: one on its way may meet the topic made again under it.
struct deletions {
  int64_t before = 0;       ///< the highest that was asked for
  unsigned everything = 0;  ///< on their way, or never answered: they may have deleted all
};

/// What is in a partition from its start on.
struct partition_contents {
  int64_t start = 0;
  int64_t end = 0;
  uint64_t bytes = 0;
};

class log_start {
 public:
  /// What a request that is sent now must see.
  int64_t floor() const noexcept { return shown_; }

  /// An answer to a request that was sent when floor() was `floor`.
  void shown(findings& out, const std::string& partition, int64_t floor, int64_t start) {
    if (start < floor) {
      out.report(broken::safety, "log_start",
                 partition + " goes back from a start of " + std::to_string(floor) + " to " + std::to_string(start));
    }
    shown_ = std::max(shown_, start);
  }
  /// A read at `from` got records.
  static void read(findings& out, const std::string& partition, int64_t floor, int64_t from) {
    if (from < floor) {
      out.report(broken::safety, "log_start", at_offset(partition, from) + " is read, below " + std::to_string(floor));
    }
  }

  /// The log starts at `start`, or further on: whatever that took away was asked for, or too old at `now`. With a bound of
  /// bytes only the whole partition can be judged.
  void rose(findings& out, const std::string& partition, int64_t start, const deletions& asked, const topic_retention& kept,
            const acked_is_kept& acked, const sent_is_read& sent, int64_t now) {
    if (asked.everything > 0 || kept.strictest.bytes >= 0) return;
    const int64_t from = std::max(asked.before, judged_);
    if (start <= from) return;
    judged_ = start;
    acked.each(from, start, [&](int64_t base, uint64_t body) {
      if (!is_old(sent.find(body), kept, now)) gone(out, partition, base);
    });
  }

  /// All of a partition, when nobody writes to it any more.
  void whole(findings& out, const std::string& partition, const partition_contents& now, const deletions& asked,
             const topic_retention& kept, const acked_is_kept& acked, const sent_is_read& sent, int64_t time) const {
    if (asked.everything > 0 || kept.strictest.bytes < 0) return;
    // What the bound of bytes does not explain was too old: so much went by size that at least the bound was left.
    uint64_t left = now.bytes;
    bool enough = left >= static_cast<uint64_t>(kept.strictest.bytes);
    int64_t unexplained = -1;
    int64_t above = now.start;
    acked.each_backwards(asked.before, now.start, [&](int64_t base, int64_t next, uint64_t body) {
      const sent_batch* s = sent.find(body);
      if (next != above) enough = true;  // what was there was never acknowledged: nobody knows how much
      above = base;
      if (!enough && !is_old(s, kept, time)) unexplained = base;
      left += s == nullptr ? 0 : s->bytes;
      enough = enough || left >= static_cast<uint64_t>(kept.strictest.bytes);
    });
    if (unexplained >= 0) gone(out, partition, unexplained);
  }

  /// Long after everything: what should go is gone. A segment has at most `segment_bytes`.
  static void settled(findings& out, const std::string& partition, const partition_contents& now,
                      const topic_retention& kept, uint64_t segment_bytes) {
    if (kept.in_force.ms >= 0 && now.start < now.end) {
      out.report(broken::liveness, "log_start", "old records do not go: " + at_offset(partition, now.start));
    }
    if (kept.in_force.bytes >= 0 && now.bytes >= static_cast<uint64_t>(kept.in_force.bytes) + segment_bytes) {
      out.report(broken::liveness, "log_start", partition + " keeps " + std::to_string(now.bytes) + " bytes");
    }
  }

 private:
  static bool is_old(const sent_batch* s, const topic_retention& kept, int64_t now) {
    if (kept.strictest.ms < 0) return false;
    if (s == nullptr || s->times.empty()) return true;
    return *std::max_element(s->times.begin(), s->times.end()) < now - kept.strictest.ms;
  }
  static void gone(findings& out, const std::string& partition, int64_t base) {
    out.report(broken::safety, "log_start", "what should be kept is gone: " + at_offset(partition, base));
  }

  int64_t shown_ = 0;
  int64_t judged_ = 0;
};

}  // namespace millrace::swarm
