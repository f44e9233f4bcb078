#include "storage/compaction.hh"

#include <algorithm>

#include "storage/compaction_pass.hh"
#include "storage/log_manager.hh"

/// What of a log may be compacted.

namespace millrace::storage {

compaction::compaction(log_manager& manager, const compaction_options& options) : manager_(manager), options_(options) {}

compaction::~compaction() = default;

reactor::task<base::result<std::optional<compaction_candidate>>> compaction::look(log_id id) {
  const auto found = co_await dirty_range(id);
  if (!found) co_return found.failure();
  if (found->from >= found->limit) co_return std::nullopt;
  const log& l = *manager_.find(id);
  compaction_candidate seen{.overdue = found->overdue};
  uint64_t clean_bytes = 0;
  for (const auto& s : l.segments_) {
    const base::offset next = l.end_of(*s);
    if (next <= l.log_start_ || s->base() >= found->limit) continue;
    (next <= found->from ? clean_bytes : seen.dirty_bytes) += s->size;
  }
  const uint64_t all = clean_bytes + seen.dirty_bytes;
  if (all > 0) seen.dirty_ratio = static_cast<double>(seen.dirty_bytes) / static_cast<double>(all);
  co_return seen;
}

/// Only closed segments; and nothing of a log that is damaged, whose batches cannot all be read.
reactor::task<base::result<compaction::range>> compaction::dirty_range(log_id id) {
  const auto known = co_await learn_mark(id);
  if (!known) co_return known.failure();
  seal_overdue(*manager_.find(id));
  const log& l = *manager_.find(id);
  range found{std::max(l.log_start_, l.compacted_.clean_to), base::offset(0)};
  if (!l.config_.compact || !l.damage_.empty() || l.offline_) co_return found;
  for (const auto& s : l.segments_) {
    const base::offset next = l.end_of(*s);
    if (s->state != segment_state::closed || next > l.acknowledged_.next) break;
    found.limit = next;
  }
  const auto by_age = co_await limit_by_age(id, found.from, found.limit);
  if (!by_age) co_return by_age.failure();
  found.limit = *by_age;
  const auto overdue = co_await is_overdue(id, found.from, found.limit);
  if (!overdue) co_return overdue.failure();
  found.overdue = *overdue;
  const log* still = manager_.find(id);
  if (still == nullptr || still->removed_) co_return base::fail(base::errc::closed);
  co_return found;
}

/// Nothing is compacted of an active segment: one that is too old for max.compaction.lag.ms ends, though nothing is
/// appended.
void compaction::seal_overdue(log& l) {
  const int64_t lag = l.config_.max_compaction_lag_ms;
  if (lag == INT64_MAX || !l.config_.compact || !l.at_rest() || l.active().size == 0) return;
  const segment& s = l.active();
  const base::unix_ms first = s.first_timestamp >= 0 ? s.first_timestamp : s.created_at;
  if (manager_.on().wall_clock() - first <= lag) return;
  l.end_active();
  manager_.became_durable(l);  // it was long ago, but nobody closed the segment
}

/// min.compaction.lag.ms: from the first segment on that has a younger record, nothing is compacted.
reactor::task<base::result<base::offset>> compaction::limit_by_age(log_id id, base::offset from, base::offset limit) {
  while (from < limit) {
    log* l = manager_.find(id);
    if (l == nullptr || l->removed_ || manager_.stopping()) co_return base::fail(base::errc::closed);
    const int64_t lag = l->config_.min_compaction_lag_ms;
    if (lag <= 0) co_return limit;
    const segment& s = *l->segment_of(from);
    const base::offset base = s.base();
    const base::offset next = l->end_of(s);
    const base::unix_ms youngest = manager_.on().wall_clock() - lag;
    const auto newest = co_await manager_.retention().newest(id, base, youngest + 1);
    if (!newest) co_return newest.failure();
    if (*newest > youngest) co_return base;
    from = next;
  }
  co_return limit;
}

/// max.compaction.lag.ms, by the first record of the first dirty segment, as Kafka counts it.
reactor::task<base::result<bool>> compaction::is_overdue(log_id id, base::offset from, base::offset limit) {
  const log* l = manager_.find(id);
  if (l == nullptr || l->removed_) co_return base::fail(base::errc::closed);
  if (from >= limit || l->config_.max_compaction_lag_ms == INT64_MAX) co_return false;
  const base::offset base = l->segment_of(from)->base();
  if (l->segment_of(from)->first_timestamp < 0) {
    const auto loaded = co_await manager_.reader().load_segment(id, base);
    if (!loaded) co_return loaded.failure();
    l = manager_.find(id);
    if (l == nullptr || l->removed_) co_return base::fail(base::errc::closed);
  }
  const segment* s = l->segment_of(from);
  const base::unix_ms first = s->first_timestamp >= 0 ? s->first_timestamp : s->created_at;
  co_return manager_.on().wall_clock() - first > l->config_.max_compaction_lag_ms;
}

reactor::task<base::result<void>> compaction::learn_mark(log_id id) {
  log* l = manager_.find(id);
  if (l == nullptr || l->removed_ || manager_.stopping() || stopped_) co_return base::fail(base::errc::closed);
  if (l->compacted_known_ || !l->config_.compact) co_return base::result<void>();
  ++l->users_;
  std::string directory = manager_.path_of(*l);
  const auto read = co_await read_compaction_mark(manager_.on(), std::move(directory));
  --l->users_;
  const bool unreadable = !read && !passes(read.error().code);
  if (!read && !unreadable) co_return read.failure();
  // One that cannot be read was said to be so, and costs a pass over what is clean.
  if (read) l->compacted_ = *read;
  l->compacted_known_ = true;
  if (l->removed_) co_return base::fail(base::errc::closed);
  co_return base::result<void>();
}

reactor::task<base::result<compaction_outcome>> compaction::run(log_id id) {
  const auto found = co_await dirty_range(id);
  if (!found) co_return found.failure();
  if (found->from >= found->limit) co_return compaction_outcome{.clean_to = found->from};
  compaction_pass pass(manager_, id, options_);
  const auto outcome = co_await pass.run(found->from, found->limit);
  if (outcome) {
    ++counters_.passes;
    counters_.bytes_before += outcome->bytes_before;
    counters_.bytes_after += outcome->bytes_after;
  }
  co_return outcome;
}

}  // namespace millrace::storage
