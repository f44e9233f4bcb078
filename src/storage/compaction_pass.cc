#include "storage/compaction_pass.hh"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/limits.hh"
#include "record/record_iterator.hh"
#include "storage/batch_stream.hh"
#include "storage/compacted_segment.hh"
#include "storage/layout.hh"
#include "storage/log_manager.hh"
#include "storage/segment_swap.hh"

namespace millrace::storage {

using base::result;
using reactor::task;

namespace {
constexpr uint64_t map_bytes_least = 64 * base::kib;
constexpr uint64_t opened_bytes_most = 16 * base::mib;  ///< beside the core's memory, while a pass lasts
constexpr size_t group_segments_max = 64;
constexpr base::duration swap_retry_interval = base::seconds(1);
}  // namespace

compaction_pass::compaction_pass(log_manager& manager, log_id id, const compaction_options& options)
    : manager_(manager),
      id_(id),
      options_(options),
      pace_(manager.on(), options.pace, manager.compaction().stopped()),
      opened_bytes_max_(std::min<uint64_t>(opened_bytes_most, manager.on().memory().capacity() / 8)) {}

bool compaction_pass::may_go_on(const log* l) const noexcept {
  const bool as_it_was = l != nullptr && !l->removed_ && !l->offline_ && l->config_.compact && l->damage_.empty();
  return as_it_was && !manager_.stopping() && !manager_.compaction().stopped();
}

task<void> compaction_pass::breathe() {
  if (pace_.due()) co_await pace_.rest();
}

task<result<compaction_outcome>> compaction_pass::run(base::offset from, base::offset limit) {
  // What is redone by a checkpoint that is older lies in segments as they were.
  const auto named = co_await manager_.bring_into_segments(id_, limit);
  if (!named) co_return named.failure();
  const log* l = manager_.find(id_);
  if (!may_go_on(l)) co_return base::fail(base::errc::closed);
  uint64_t dirty_bytes = 0;
  for (const auto& s : l->segments_) {
    if (s->base() < limit && l->end_of(*s) > from) dirty_bytes += s->size;
  }
  const auto made = co_await make_map(dirty_bytes);
  if (!made) co_return made.failure();
  const auto learned = co_await learn(from, limit);
  if (!learned) co_return learned.failure();

  base::offset at{0};
  while (true) {
    l = manager_.find(id_);
    if (!may_go_on(l)) co_return base::fail(base::errc::closed);
    group g = next_group(*l, std::max(at, l->log_start_));
    if (g.empty()) break;
    at = g.next;
    const auto held = co_await hold(g);
    result<void> done = held;
    if (held) {
      const auto compacted = co_await compact_group(g);
      done = compacted;
    }
    let_go(g);
    if (!done) co_return done.failure();
  }
  outcome_.clean_to = map_end_;
  const auto kept = co_await keep_mark({.clean_to = map_end_, .gaps_to = at});
  if (!kept) co_return kept.failure();
  co_return outcome_;
}

// ---- what is known of keys

/// A map as large as the dirty bytes at most need, in the core's memory.
task<result<void>> compaction_pass::make_map(uint64_t dirty_bytes) {
  reactor::memory& memory_of_core = manager_.on().memory();
  const uint64_t most =
      std::min<uint64_t>({options_.map_bytes_max, memory_of_core.capacity() / 16, reactor::memory::block_bytes_max});
  uint64_t bytes = std::bit_floor(std::max(map_bytes_least, std::min(most, std::bit_ceil(dirty_bytes))));
  reactor::chunk memory = memory_of_core.allocate(bytes);
  while (!memory && bytes > map_bytes_least) {
    bytes /= 4;
    memory = memory_of_core.allocate(bytes);
  }
  if (!memory) {
    manager_.make_room(bytes);
    co_return base::fail(base::errc::no_memory);
  }
  map_ = std::make_unique<key_map>(std::move(memory), manager_.on().random().next());
  while (true) {
    pace_.begin();
    const bool blank = map_->blank(base::mib);
    pace_.end();
    if (blank) break;
    co_await breathe();
  }
  co_return result<void>();
}

/// Notes the keys of [from, limit), or of as much of it as the map holds.
task<result<void>> compaction_pass::learn(base::offset from, base::offset limit) {
  batch_stream batches(manager_, pace_, id_, from, limit);
  map_end_ = limit;
  while (true) {
    const uint64_t before = batches.bytes();
    const auto batch = co_await batches.next();
    if (!batch) co_return batch.failure();
    pace_.moved(batches.bytes() - before);
    if (!*batch) break;
    const auto whole = co_await learn_batch(**batch);
    if (!whole) co_return whole.failure();
    if (!*whole) break;
    co_await breathe();
  }
  co_return result<void>();
}

/// False where the map is full: map_end_ is then the first record that is not in it.
task<result<bool>> compaction_pass::learn_batch(record::batch_view batch) {
  if (batch.is_control()) co_return true;
  const auto records = co_await open_records(batch);
  if (!records) co_return records.failure();
  if (!*records) co_return true;
  record::record_iterator each(**records, batch.record_count());
  record::record_view record;
  unsigned seen = 0;
  pace_.begin();
  while (true) {
    const auto more = each.next(record);
    if (!more || !*more) break;  // what cannot be read stays as it is
    const base::offset at = batch.base_offset() + int64_t{record.offset_delta};
    if (record.key && !map_->put(*record.key, at)) {
      map_end_ = at;
      pace_.end();
      co_return false;
    }
    if (++seen % 64 != 0) continue;
    pace_.end();
    if (pace_.due()) co_await pace_.rest();
    pace_.begin();
  }
  pace_.end();
  co_return true;
}

task<result<void>> compaction_pass::keep_mark(compaction_mark mark) {
  log* l = manager_.find(id_);
  if (l == nullptr || l->removed_) co_return base::fail(base::errc::closed);
  mark.clean_to = std::max(mark.clean_to, l->compacted_.clean_to);
  mark.gaps_to = std::max(mark.gaps_to, l->compacted_.gaps_to);
  if (mark == l->compacted_) co_return result<void>();
  ++l->users_;
  std::string directory = manager_.path_of(*l);
  const auto written = co_await write_compaction_mark(manager_.on(), std::move(directory), mark);
  --l->users_;
  if (written) l->compacted_ = mark;
  co_return written;
}

// ---- groups of segments

/// The next segments that become one: together not larger than a segment may be.
compaction_pass::group compaction_pass::next_group(const log& l, base::offset from) const {
  group g;
  for (const auto& s : l.segments_) {
    const base::offset next = l.end_of(*s);
    if (next <= from) continue;
    if (s->base() >= map_end_ || s->state != segment_state::closed || g.segments.size() == group_segments_max) break;
    const uint64_t bytes = g.bytes + s->size;
    const uint64_t index_bytes = bytes / std::max(l.config_.index_interval_bytes, 1u) * sizeof(offset_index::entry);
    const bool fits = bytes <= std::min<uint64_t>(l.config_.segment_bytes, INT32_MAX) &&
                      index_bytes < l.config_.segment_index_bytes && next - (g.empty() ? s->base() : g.begin) <= INT32_MAX;
    if (!g.empty() && !fits) break;
    if (g.empty()) g.begin = s->base();
    g.segments.push_back(s.get());
    g.next = next;
    g.bytes = bytes;
  }
  return g;
}

/// Opens the files and completes the indexes, and keeps them so: what is asked for by name later is the new segment's.
task<result<void>> compaction_pass::hold(group& g) {
  std::vector<segment*> wanted = std::exchange(g.segments, {});
  for (segment* one : wanted) {
    const base::offset base = one->base();
    const uint64_t number = one->number;
    while (true) {
      const auto loaded = co_await manager_.reader().load_segment(id_, base);
      if (!loaded) co_return loaded;
      const log* l = manager_.find(id_);
      if (!may_go_on(l)) co_return base::fail(base::errc::closed);
      segment* s = l->find_segment(base);
      if (s == nullptr || s->number != number) co_return base::fail(base::errc::closed);
      if (!s->is_open() || !s->indexes_complete) continue;  // closed again meanwhile
      ++s->readers;
      g.segments.push_back(s);
      // What a reader's rebuild still writes must not come under the new segment's name.
      const auto written = co_await s->load_indexes(s->size, true);
      if (!written) co_return written;
      break;
    }
  }
  co_return result<void>();
}

void compaction_pass::let_go(group& g) noexcept {
  for (segment* s : g.segments) --s->readers;
  g.segments.clear();
}

task<result<void>> compaction_pass::compact_group(group& g) {
  const auto marked = co_await keep_mark({.gaps_to = g.next});
  if (!marked) co_return marked;
  log* l = manager_.find(id_);
  if (!may_go_on(l)) co_return base::fail(base::errc::closed);
  compacted_segment out(manager_.on(), pace_, manager_.new_segment(*l, g.begin), g.bytes);
  ++l->users_;
  const auto opened = co_await out.open();
  --l->users_;
  result<void> done = opened;
  if (done) {
    const auto rewritten = co_await rewrite(g, out);
    done = rewritten;
  }
  if (done) {
    const auto finished = co_await out.finish();
    done = finished;
  }
  co_await out.close();
  const bool same = g.segments.size() == 1 && out.size() == g.bytes;
  outcome_.bytes_before += g.bytes;
  outcome_.bytes_after += done ? out.size() : g.bytes;
  if (done && !same) {
    const auto placed = co_await put_in_place(g, out);
    done = placed;
  }
  if (!done || same) co_await drop(out);
  co_return done;
}

task<result<void>> compaction_pass::rewrite(const group& g, compacted_segment& out) {
  const log* l = manager_.find(id_);
  if (!may_go_on(l)) co_return base::fail(base::errc::closed);
  batch_stream batches(manager_, pace_, id_, std::max(g.begin, l->log_start_), g.next);
  while (true) {
    const uint64_t before = batches.bytes() + out.size();
    const auto batch = co_await batches.next();
    if (!batch) co_return batch.failure();
    if (!*batch) break;
    if (!may_go_on(manager_.find(id_))) co_return base::fail(base::errc::closed);
    const bool last = (*batch)->next_offset() == g.next;
    const auto taken = co_await take_batch(**batch, last, out);
    if (!taken) co_return taken;
    pace_.moved(batches.bytes() + out.size() - before);
    co_await breathe();
  }
  co_return result<void>();
}

// ---- the new segment takes its place

task<result<void>> compaction_pass::put_in_place(group& g, compacted_segment& out) {
  log* l = manager_.find(id_);
  if (!may_go_on(l) || l->log_start_ >= g.next) co_return base::fail(base::errc::closed);
  for (segment* s : g.segments) s->replaced = true;
  const auto swapped = co_await swap_names(g);
  if (!swapped) co_return swapped;
  l = manager_.find(id_);
  if (l == nullptr || l->removed_) co_return base::fail(base::errc::closed);
  std::unique_ptr<segment> made = out.take(g.next);
  for (const segment* s : g.segments) made->created_at = std::max(made->created_at, s->created_at);
  manager_.replace_segments(*l, g.begin, g.next, std::move(made));
  co_return result<void>();
}

/// There is no way back, not even where the first step failed: its name may be there all the same, and the next start goes
/// through with it. What fails is tried again, and the segments are served from their open files meanwhile.
task<result<void>> compaction_pass::swap_names(const group& g) {
  const layout::swap_name name{g.begin, g.next};
  bool begun = false;
  while (true) {
    log* l = manager_.find(id_);
    if (l == nullptr || l->removed_ || manager_.stopping() || manager_.compaction().stopped()) {
      co_return base::fail(base::errc::closed);
    }
    ++l->users_;
    std::string directory = manager_.path_of(*l);
    const auto step = begun ? finish_swap : begin_swap;
    const auto done = co_await step(manager_.on(), std::move(directory), name);
    --l->users_;
    if (done && begun) co_return done;
    begun = begun || done;
    if (done) continue;
    manager_.on().log().warn("storage", "compacted segment not in its place yet", base::field("log", l->directory()),
                             base::field("segment", g.begin), base::field("error", done.error()));
    co_await reactor::sleep(manager_.on(), swap_retry_interval);
  }
}

/// What was written for nothing, unless its directory went away with it.
task<void> compaction_pass::drop(const compacted_segment& out) {
  log* l = manager_.find(id_);
  if (l == nullptr || l->removed_) co_return;
  ++l->users_;
  std::string path = out.path();
  const auto removed = co_await reactor::remove(manager_.on(), std::move(path));
  --l->users_;
  if (!removed && removed.error().code != base::errc::not_found) {
    manager_.on().log().warn("storage", "file not removed", base::field("path", out.path()),
                             base::field("error", removed.error()));
  }
}

}  // namespace millrace::storage
