#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "checkers/findings.hh"
#include "workload/read_batch.hh"

/// What was acknowledged stays, with its bytes, at the offset that the acknowledgement named: after
/// everything.

namespace millrace::swarm {

class acked_is_kept {
 public:
  void acknowledged(findings& out, const std::string& partition, int64_t base, int64_t next, uint64_t body) {
    const auto later = acked_.lower_bound(base);
    const bool meets_later = later != acked_.end() && later->first < next;
    const bool meets_earlier = later != acked_.begin() && std::prev(later)->second.next > base;
    if (meets_later || meets_earlier) {
      out.report(broken::safety, "acked_is_kept", "an offset acknowledged twice: " + at_offset(partition, base));
      return;
    }
    acked_[base] = {next, body};
  }

  /// Batches that were read, back to back: each acknowledged one among their offsets must be there.
  void read(findings& out, const std::string& partition, const read_batches& found) {
    if (found.empty()) return;
    auto expected = acked_.lower_bound(found.front().base);
    for (const read_batch& b : found) {
      for (; expected != acked_.end() && expected->first < b.base; ++expected) lost(out, partition, expected->first);
      if (expected == acked_.end() || expected->first >= b.next) continue;
      if (expected->first != b.base || expected->second.body != b.body || expected->second.next != b.next) {
        lost(out, partition, expected->first);
      }
      ++expected;
    }
  }

  /// Whether this very batch was acknowledged.
  bool holds(const read_batch& b) const {
    const auto at = acked_.find(b.base);
    return at != acked_.end() && at->second.body == b.body && at->second.next == b.next;
  }
  /// What was acknowledged from `end` on is lost, and may be.
  void cut(findings& out, const std::string& partition, int64_t end) {
    const auto from = acked_.lower_bound(end);
    if (from != acked_.begin() && std::prev(from)->second.next > end) {
      out.report(broken::safety, "acked_is_kept", "an acknowledged batch is cut in two: " + at_offset(partition, end));
    }
    acked_.erase(from, acked_.end());
  }

  /// f(base, body) for each batch that was acknowledged and lies wholly in [from, to), in order.
  template <class F>
  void each(int64_t from, int64_t to, F&& f) const {
    for (auto b = acked_.lower_bound(from); b != acked_.end() && b->second.next <= to; ++b) f(b->first, b->second.body);
  }
  /// f(base, next, body), from the last one on.
  template <class F>
  void each_backwards(int64_t from, int64_t to, F&& f) const {
    for (auto b = acked_.lower_bound(to); b != acked_.begin();) {
      --b;
      if (b->first < from) return;
      if (b->second.next <= to) f(b->first, b->second.next, b->second.body);
    }
  }

  /// Offsets up to which something was acknowledged.
  int64_t end() const { return acked_.empty() ? 0 : acked_.rbegin()->second.next; }
  size_t count() const { return acked_.size(); }

 private:
  struct kept {
    int64_t next;
    uint64_t body;
  };
  static void lost(findings& out, const std::string& partition, int64_t base) {
    out.report(broken::safety, "acked_is_kept", "an acknowledged batch is not there: " + at_offset(partition, base));
  }
  std::map<int64_t, kept> acked_;  // by base offset
};

}  // namespace millrace::swarm
