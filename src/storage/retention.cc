#include "storage/retention.hh"

#include <algorithm>

#include "storage/log_manager.hh"

namespace millrace::storage {

reactor::task<base::result<base::offset>> retention::look(log_id id) {
  log* l = manager_.find(id);
  if (l == nullptr || l->removed_ || manager_.stopping()) co_return base::fail(base::errc::closed);
  base::offset start = start_by_size(*l);
  if (l->config_.retention_ms >= 0) {
    const auto by_time = co_await start_by_time(id, start);
    if (!by_time) co_return by_time;
    start = *by_time;
  }
  l = manager_.find(id);
  if (l == nullptr || l->removed_ || manager_.stopping()) co_return base::fail(base::errc::closed);
  if (start == l->end() && l->active().size > 0) {
    // It was at rest when it was judged. What came meanwhile stays, and keeps its segment.
    start = l->active().base();
    if (l->at_rest()) {
      l->end_active();
      start = l->end();
      manager_.trim(*l);  // what was deleted before is not waited for
    }
  }
  co_return std::max(start, l->log_start_);
}

/// Whether all of a segment is acknowledged and durable; of the active one, whether it can be sealed now.
bool retention::may_go(const log& l, const segment& s) {
  if (&s == &l.active()) return s.size > 0 && l.at_rest();
  return l.end_of(s) <= std::min(l.acknowledged_.next, l.durable_.next);
}

base::offset retention::start_by_size(const log& l) {
  base::offset start = l.log_start_;
  if (l.config_.retention_bytes < 0) return start;
  uint64_t left = 0;
  for (const auto& s : l.segments_) {
    if (l.end_of(*s) > start) left += s->size;
  }
  for (const auto& s : l.segments_) {
    const base::offset next = l.end_of(*s);
    if (next <= l.log_start_) continue;
    if (left < s->size + static_cast<uint64_t>(l.config_.retention_bytes) || !may_go(l, *s)) break;
    left -= s->size;
    start = next;
  }
  return start;
}

/// The same from `from` on, which is a segment's begin or lies in one.
reactor::task<base::result<base::offset>> retention::start_by_time(log_id id, base::offset from) {
  while (true) {
    log* l = manager_.find(id);
    if (l == nullptr || l->removed_ || manager_.stopping()) co_return base::fail(base::errc::closed);
    const segment* s = l->segment_of(from);
    if (l->config_.retention_ms < 0 || from >= l->end() || !may_go(*l, *s)) co_return from;
    const base::unix_ms oldest = manager_.on().wall_clock() - l->config_.retention_ms;
    const base::offset base = s->base();
    const auto found = co_await newest(id, base, oldest);
    if (!found) co_return found.failure();
    if (*found >= oldest) co_return from;
    l = manager_.find(id);
    s = l == nullptr || l->removed_ ? nullptr : l->find_segment(base);
    if (s == nullptr) co_return base::fail(base::errc::closed);
    if (!may_go(*l, *s)) co_return from;
    from = l->end_of(*s);
  }
}

/// The largest timestamp of a segment; or one of its timestamps that is `enough`.
reactor::task<base::result<base::unix_ms>> retention::newest(log_id id, base::offset segment_base, base::unix_ms enough) {
  while (true) {
    log* l = manager_.find(id);
    const segment* s = l == nullptr || l->removed_ ? nullptr : l->find_segment(segment_base);
    if (s == nullptr) co_return base::fail(base::errc::closed);
    const base::unix_ms known = s->times.largest();  // maybe only of what this process appended
    if (known >= 0 && known >= enough) co_return known;
    if (s->largest_known()) co_return known >= 0 ? known : s->created_at;
    CO_TRY_CHECK(co_await manager_.reader().load_segment(id, segment_base));
  }
}

}  // namespace millrace::storage
