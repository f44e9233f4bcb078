#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.hh"
#include "checkers/findings.hh"
#include "checkers/keyed_sent.hh"
#include "workload/read_batch.hh"

/// Compaction keeps the last record of every key, and never moves or changes one: what is missing has a later record with
/// its key, or is a tombstone that was there for delete.retention.ms. What is gone does not come back.

namespace millrace::swarm {

/// When what can have been let go, as the broker's wall clock may have been.
struct tombstone_clock {
  int64_t delete_retention_ms = 0;
  int64_t now = 0;        ///< of the clients' wall clock
  int64_t ahead_ms = 0;   ///< how far the broker's ever was before it,
  int64_t behind_ms = 0;  ///< and behind it
  bool may_be_gone(int64_t first_sent) const { return first_sent - behind_ms + delete_retention_ms <= now + ahead_ms; }
};

class compaction_keeps {
 public:
  /// A batch was acknowledged at `base`.
  void acknowledged(findings& out, const std::string& partition, const keyed_sent& sent, int64_t base,
                    const keyed_records& records) {
    for (const keyed_record& r : records) {
      keyed_record placed = r;
      placed.offset += base;
      (void)learn(out, partition, sent, placed);
    }
  }

  /// An answer to a fetch of `wanted` that was sent at `since`, and has just been read.
  void read(findings& out, const std::string& partition, const keyed_sent& sent, int64_t wanted, const read_batches& batches,
            const keyed_records& records, base::instant since, base::instant now, const tombstone_clock& clock) {
    batches_follow(out, partition, wanted, batches);
    if (batches.empty()) return;
    for (const keyed_record& r : records) {
      if (sent.find(r.content) == nullptr) {
        out.report(broken::safety, "sent_is_read", "a record that nobody sent there: " + at_offset(partition, r.offset));
        return;
      }
      const known& k = learn(out, partition, sent, r);
      if (k.gone_since && *k.gone_since < since) {
        report(out, partition, "a record that was gone is back: ", r.offset);
      }
    }
    each_missing(wanted, batches.back().next, records, [&](int64_t offset, known& k) {
      if (k.gone_since) return;
      k.gone_since = now;
      ++gone_;
      // Records whose place nobody knows yet may be what it had to go for.
      const bool any_unplaced = sent.any_of_key(
          k.key, [&](uint64_t content, const keyed_sent::record& r) { return r.attempts > places_of(content); });
      if (!any_unplaced) judge_missing(out, partition, sent, offset, k, clock);
    });
  }

  /// All of a partition from `start` to `end`, when nobody writes to it any more.
  void whole(findings& out, const std::string& partition, const keyed_sent& sent, int64_t start, int64_t end,
             const keyed_records& records, const tombstone_clock& clock) {
    each_missing(start, end, records, [&](int64_t offset, const known& k) {
      const bool lost_tombstone = sent.any_of_key(k.key, [&](uint64_t content, const keyed_sent::record& r) {
        return r.tombstone && r.attempts > places_of(content) && clock.may_be_gone(r.first_sent);
      });
      if (!lost_tombstone) judge_missing(out, partition, sent, offset, k, clock);
    });
  }

  /// Liveness, long after everything: all was to be compacted by now, to its end.
  static void settled(findings& out, const std::string& partition, const keyed_records& records) {
    std::unordered_map<uint64_t, int64_t> seen;
    for (const keyed_record& r : records) {
      const auto [at, fresh] = seen.emplace(r.key, r.offset);
      if (fresh) continue;
      out.report(broken::liveness, "compaction_keeps",
                 "not compacted: " + at_offset(partition, at->second) + " has the key of " + std::to_string(r.offset));
      return;
    }
  }

  /// Records that were seen to be gone.
  uint64_t gone() const { return gone_; }

 private:
  struct known {
    uint64_t key;
    uint64_t content;
    bool tombstone;
    std::optional<base::instant> gone_since;
  };
  /// A batch keeps its offsets, its epoch and its numbers, whatever left it.
  struct frame {
    int64_t next;
    int32_t epoch;
    int64_t producer;
    int16_t producer_epoch;
    int32_t sequence;
    friend bool operator==(const frame&, const frame&) = default;
  };

  static void report(findings& out, const std::string& partition, const char* what, int64_t offset) {
    out.report(broken::safety, "compaction_keeps", what + at_offset(partition, offset));
  }
  unsigned places_of(uint64_t content) const {
    const auto at = places_.find(content);
    return at == places_.end() ? 0 : at->second;
  }

  known& learn(findings& out, const std::string& partition, const keyed_sent& sent, const keyed_record& r) {
    const auto [at, fresh] = known_.try_emplace(r.offset, known{r.key, r.content, r.tombstone, {}});
    if (!fresh && at->second.content != r.content) report(out, partition, "another record than before: ", r.offset);
    if (!fresh) return at->second;
    int64_t& newest = newest_.try_emplace(r.key, r.offset).first->second;
    newest = std::max(newest, r.offset);
    const keyed_sent::record* const s = sent.find(r.content);
    if (++places_[r.content] > 1 && s != nullptr && s->once) {
      out.report(broken::safety, "no_duplicates", "a record that is there twice: " + at_offset(partition, r.offset));
    }
    return at->second;
  }

  void batches_follow(findings& out, const std::string& partition, int64_t wanted, const read_batches& batches) {
    if (!batches.empty() && batches.front().next <= wanted) {
      report(out, partition, "a read begins before what is wanted: ", batches.front().base);
    }
    for (size_t i = 0; i < batches.size(); ++i) {
      const read_batch& b = batches[i];
      if (i > 0 && b.base < batches[i - 1].next) report(out, partition, "offsets go back: ", b.base);
      if (i > 0 && b.epoch < batches[i - 1].epoch) report(out, partition, "the leader epoch goes back: ", b.base);
      const frame f{b.next, b.epoch, b.producer, b.producer_epoch, b.sequence};
      const auto [at, fresh] = frames_.emplace(b.base, f);
      if (!fresh && !(at->second == f)) report(out, partition, "a batch changed its offsets or numbers: ", b.base);
    }
  }

  /// f(offset, known) for what is known in [begin, end) and not among `records`, which ascend.
  template <class F>
  void each_missing(int64_t begin, int64_t end, const keyed_records& records, F&& f) {
    auto r = records.begin();
    for (auto k = known_.lower_bound(begin); k != known_.end() && k->first < end; ++k) {
      while (r != records.end() && r->offset < k->first) ++r;
      if (r == records.end() || r->offset != k->first) f(k->first, k->second);
    }
  }

  void judge_missing(findings& out, const std::string& partition, const keyed_sent& sent, int64_t offset, const known& k,
                     const tombstone_clock& clock) const {
    if (newest_.at(k.key) > offset) return;
    if (!k.tombstone) return report(out, partition, "the last record of a key is gone: ", offset);
    const keyed_sent::record* const s = sent.find(k.content);
    if (s != nullptr && clock.may_be_gone(s->first_sent)) return;
    report(out, partition, "a tombstone is gone before its time: ", offset);
  }

  std::map<int64_t, known> known_;                 // by offset: acknowledged, or read
  std::map<int64_t, frame> frames_;                // by base offset
  std::unordered_map<uint64_t, int64_t> newest_;   // by key: the highest offset known
  std::unordered_map<uint64_t, unsigned> places_;  // by content: at how many offsets it is known
  uint64_t gone_ = 0;
};

}  // namespace millrace::swarm
