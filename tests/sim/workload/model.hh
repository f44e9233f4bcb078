#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/prng.hh"
#include "checkers/acked_is_kept.hh"
#include "checkers/compaction_keeps.hh"
#include "checkers/findings.hh"
#include "checkers/keyed_sent.hh"
#include "checkers/log_start.hh"
#include "checkers/offsets_dense.hh"
#include "checkers/prefix_is_kept.hh"
#include "checkers/progress.hh"
#include "checkers/reads_stable.hh"
#include "checkers/sent_is_read.hh"
#include "checkers/settled_at_start.hh"
#include "checkers/watermark_monotonic.hh"
#include "workload/group_model.hh"

/// What the clients know together: the topics that they made, and of each partition what a checker
/// must remember. All clients are on one thread, and each answer goes in here at the moment in
/// which it is read.

namespace millrace::swarm {

struct partition_model {
  std::string name;  ///< "topic-partition": the same for a topic made again
  acked_is_kept acked;
  reads_stable stable;
  watermark_monotonic watermark;
  settled_at_start settled;
  log_start start;
  prefix_is_kept prefix;              ///< on, where answers do not wait for the disk
  int64_t settled_below = 0;          ///< segments with a lower base are not recovered any more
  std::optional<read_batch> damaged;  ///< the one batch whose records were harmed on the disk

  /// A read at `offset`, or what a time leads to, may be refused: never is anything else than what was sent given for it.
  bool is_damaged(int64_t offset) const { return damaged && damaged->base <= offset && offset < damaged->next; }
  compaction_keeps compacted;  ///< of a compacted topic, instead of the checkers that want every offset
};

/// What a topic was made with, where it is compacted.
struct topic_compaction {
  bool on = false;       ///< cleanup.policy names compact
  bool deletes = false;  ///< and delete
  int64_t delete_retention_ms = 86'400'000;
  int64_t segment_ms = 0;
  int64_t min_lag_ms = 0;
  int64_t max_lag_ms = INT64_MAX;
  double dirty_ratio = 0.5;
};

/// One incarnation of a topic. Who sends a request keeps it; the answer counts only while it is
/// live.
struct topic_model {
  std::string name;
  unsigned made = 0;  ///< its number among all
  bool live = false;
  topic_retention retention;
  topic_compaction compaction;
  std::vector<partition_model> partitions;

  /// millrace.ack=memory.
  void answer_from_memory() {
    for (partition_model& p : partitions) p.prefix.turn_on();
  }
};
using topic_ref = std::shared_ptr<topic_model>;

/// What a fetch of a compacted topic's partition gave.
struct read_answer {
  int64_t wanted = 0;
  int64_t high_watermark = 0;
  base::instant since{};  ///< when it was asked
  read_batches batches{};
  keyed_records records{};
};

struct model {
  findings found;
  progress watch;
  sent_is_read sent;
  std::map<std::string, keyed_sent> keyed;   ///< by name of a partition: what was sent to compacted topics
  std::map<std::string, deletions> deleted;  ///< by name of a partition
  int64_t wall_ahead_ms = 0;                 ///< how far the broker's wall clock ever was before the clients'
  int64_t wall_behind_ms = 0;                ///< and behind
  bool compaction_settled = false;           ///< what has to be compacted by its age was so long ago
  bool retention_settled = false;            ///< enough time has passed since the last batch
  std::set<int64_t> producer_ids;            ///< given
  std::vector<topic_ref> topics;             ///< live ones
  unsigned names = 0;                        ///< drawn so far
  unsigned process = 0;                      ///< starts of the broker
  unsigned producers_left = 0;
  unsigned topics_made = 0;
  std::vector<std::unique_ptr<group_model>> groups;
  bool groups_calm = false;  ///< members stay where they are
  bool groups_over = false;  ///< members go
  // What happened, for the last line.
  uint64_t acked_batches = 0;
  uint64_t acked_commits = 0;
  uint64_t read_batches_count = 0;
  uint64_t refused = 0;
  uint64_t damage_met = 0;  ///< refusals of the batch that was harmed
  uint64_t lost_connections = 0;
  uint64_t compacted_away = 0;

  /// A live topic, or null.
  topic_ref any_topic(base::prng& random) const { return topics.empty() ? nullptr : topics[random.below(topics.size())]; }
  /// Its answers count no more.
  void retire(const topic_ref& t) {
    t->live = false;
    std::erase(topics, t);
  }
  topic_model& add(std::string name, int32_t partitions, const topic_retention& retention = {},
                   const topic_compaction& compaction = {}) {
    auto t = std::make_shared<topic_model>();
    t->name = std::move(name);
    t->made = ++topics_made;
    t->live = true;
    t->retention = retention;
    t->compaction = compaction;
    t->partitions.resize(static_cast<size_t>(partitions));
    for (size_t i = 0; i < t->partitions.size(); ++i) t->partitions[i].name = t->name + "-" + std::to_string(i);
    topics.push_back(std::move(t));
    return *topics.back();
  }

  /// Those of live topics, "topic-partition".
  std::set<std::string> live_partitions() const {
    std::set<std::string> names;
    for (const topic_ref& t : topics) {
      for (const partition_model& p : t->partitions) names.insert(p.name);
    }
    return names;
  }

  /// A process of the broker ended, as prefix_is_kept wants to hear it.
  void process_ended(bool stopped, base::instant now) {
    for (const topic_ref& t : topics) {
      for (partition_model& p : t->partitions) p.prefix.process_ended(stopped, now, watch);
    }
  }
  /// Where a start found the logs' ends, by partition, before anybody could ask it for anything.
  void logs_found(const std::map<std::string, int64_t>& ends) {
    for (const topic_ref& t : topics) {
      for (partition_model& p : t->partitions) {
        const auto end = ends.find(p.name);
        if (!p.prefix.on() || end == ends.end()) continue;
        p.prefix.found(found, p.name, process, end->second);
        p.acked.cut(found, p.name, end->second);
        p.stable.cut(end->second);
        p.watermark.cut(end->second);
      }
    }
  }

  /// A high watermark in an answer of the broker's start number `process`, to a request that was sent when the floor was
  /// `floor`.
  void shown(partition_model& p, int64_t floor, int64_t high, unsigned process) {
    const int64_t limit = p.prefix.limit(process);
    p.watermark.shown(found, p.name, std::min(floor, limit), std::min(high, limit));
    p.settled.shown(process, high);
  }
  /// A log start in an answer to a request that was sent when its floor was `floor`. `now`: of the clients' wall clock.
  void started(const topic_model& t, partition_model& p, int64_t floor, int64_t start, int64_t now) {
    p.start.shown(found, p.name, floor, start);
    refused_below(t, p, start, now);
  }
  /// A read just below `start` was out of range.
  void refused_below(const topic_model& t, partition_model& p, int64_t start, int64_t now) {
    // Of a segment that was compacted nobody knows which records' times let it go.
    if (t.compaction.on && t.retention.judged()) return;
    p.start.rose(found, p.name, start, deleted[p.name], t.retention, p.acked, sent, now + wall_ahead_ms);
  }
  /// Batches that a fetch of `wanted` gave, with the high watermark of its answer.
  void read(partition_model& p, int64_t wanted, int64_t high_watermark, const read_batches& batches) {
    offsets_dense::read(found, p.name, wanted, high_watermark, batches);
    sent.read(found, p.name, batches);
    p.acked.read(found, p.name, batches);
    p.stable.read(found, p.name, batches);
    p.settled.read(found, p.name, sent, batches);
    read_batches_count += batches.size();
  }
  /// The same of a compacted topic, with their records; the fetch was sent at `since`, and it is `now`.
  void read_compacted(const topic_model& t, partition_model& p, const read_answer& a, base::instant now,
                      base::unix_ms wall) {
    if (!a.batches.empty() && a.batches.back().next > a.high_watermark) {
      safety("offsets_dense", "read above the high watermark " + at_offset(p.name, a.high_watermark));
    }
    const uint64_t gone = p.compacted.gone();
    p.compacted.read(found, p.name, keyed[p.name], a.wanted, a.batches, a.records, a.since, now, clock_of(t, wall));
    compacted_away += p.compacted.gone() - gone;
    p.settled.read(found, p.name, sent, a.batches);
    read_batches_count += a.batches.size();
  }
  tombstone_clock clock_of(const topic_model& t, base::unix_ms wall) const {
    return {.delete_retention_ms = t.compaction.delete_retention_ms,
            .now = wall,
            .ahead_ms = wall_ahead_ms,
            .behind_ms = wall_behind_ms};
  }
  void safety(const char* checker, std::string what) { found.report(broken::safety, checker, std::move(what)); }
};

}  // namespace millrace::swarm
