#include "storage/reader.hh"

#include <algorithm>
#include <optional>

#include "record/batch_view.hh"
#include "record/verify.hh"
#include "storage/log_manager.hh"
#include "storage/read_ahead.hh"
#include "storage/work_pace.hh"

namespace millrace::storage {

namespace {
/// One read of the file at most, unless one batch is larger.
constexpr uint64_t stretch_bytes = 1u << 20;
constexpr uint64_t stretch_bytes_least = 64u << 10;
constexpr unsigned memory_waits_max = 1000;  ///< of 1 ms
constexpr base::duration sweep_interval = base::seconds(60);
}  // namespace

reader::reader(reactor::core& on, log_manager& manager, uint64_t ahead_bytes_max)
    : core_(on), manager_(manager), ahead_(std::make_unique<read_ahead>(on, manager, ahead_bytes_max)) {}

reader::~reader() = default;

void reader::drop_ahead() { ahead_->drop(); }
void reader::forget(log_id id) { ahead_->forget(id); }

bool reader::collect(log_id id, const read_plan& plan, read_result& out) {
  const log* l = manager_.find(id);
  return l != nullptr && l->collect(plan, [&](slice s) {
    out.bytes += s.size;
    out.slices.push_back(std::move(s));
  });
}

reactor::task<base::result<read_result>> reader::read(log_id id, read_plan plan) {
  read_result out;
  out.from_memory = plan.empty() || collect(id, plan, out);
  if (out.from_memory) co_return out;
  auto from_file = co_await read_file(id, plan);
  co_return from_file;
}

// ---- from the file

/// Opens a segment's file and completes its indexes.
reactor::task<base::result<void>> reader::ready_file(log_id id, base::offset segment_base) {
  log* l = manager_.find(id);
  segment* s = l == nullptr || l->removed_ ? nullptr : l->find_segment(segment_base);
  if (s == nullptr || manager_.stopping()) co_return base::fail(base::errc::closed);
  ++l->users_;
  ++s->readers;
  base::result<void> outcome;
  if (!s->is_open()) {
    outcome = co_await s->open_for_read();
    manager_.bound_open_files();
  }
  if (outcome && !s->indexes_complete) {
    cold_reads::turn turn(manager_.cold(), stretch_bytes);
    const bool begun = co_await turn;
    // Those of a closed segment were synced before anything named it closed; recovery removes them where it redoes any of
    // it.
    const bool trust = s->state == segment_state::closed || manager_.indexes_trusted();
    if (begun) outcome = co_await s->load_indexes(s->indexes_from, trust);
    if (!begun) outcome = base::fail(base::errc::closed);
    // Damage ended them: what lies before it is served, and what comes in other segments.
    if (!outcome && outcome.error().code == base::errc::corrupt && s->indexes_complete) outcome = base::result<void>();
  }
  if (outcome) manager_.indexes().used(*s);
  --s->readers;
  --l->users_;
  const bool stopped = !outcome && outcome.error().code == base::errc::closed;
  if (!outcome && !stopped && !passes(outcome.error().code)) co_return unreadable(id, outcome.error());
  co_return outcome;
}

/// The same for a plan, which is made anew where its segment was replaced meanwhile; its limit stays.
reactor::task<base::result<void>> reader::ready_plan(log_id id, read_plan* plan) {
  while (true) {
    const base::offset planned = plan->segment;
    const auto ready = co_await ready_file(id, planned);
    const log* l = manager_.find(id);
    if (l == nullptr || l->removed_ || manager_.stopping()) co_return base::fail(base::errc::closed);
    const auto now = l->plan_read(plan->wanted, plan->bytes_max, plan->one_at_least);
    // Its offset may lie below the log start by now: what is still there is read as it was planned.
    const segment* left = now ? nullptr : l->find_segment(planned);
    if (left != nullptr && left->state == segment_state::closed) plan->end = left->size;
    if (left != nullptr) co_return ready;
    if (!now) co_return now.failure();
    plan->segment = now->segment;
    plan->end = now->end;
    if (now->segment == planned) co_return ready;
  }
}

/// Bytes of a segment, from its file as far as they are there and from memory behind that.
reactor::task<base::result<reader::stretch>> reader::load(log_id id, wanted_bytes want) {
  stretch out;
  out.begin = block_floor(want.begin);
  const uint64_t room = block_ceil(want.end) - out.begin;
  if (room > reactor::memory::block_bytes_max) co_return unreadable(id, base::error{base::errc::too_large});
  cold_reads::turn turn(manager_.cold(), room);  // before the memory: who waits holds none
  const bool begun = co_await turn;
  if (!begun) co_return base::fail(base::errc::closed);
  out.memory = core_.memory().allocate(room);
  if (!out.memory) {
    manager_.make_room(room);
    out.memory = core_.memory().allocate(room);
  }
  if (!out.memory) co_return base::fail(base::errc::no_memory);
  log* l = manager_.find(id);
  if (l == nullptr || l->removed_) co_return base::fail(base::errc::closed);
  segment* s = l->find_segment(want.segment);
  if (s == nullptr || s->number != want.number || !s->is_open()) {
    out.moved = true;
    co_return out;
  }
  const uint64_t in_memory_from = l->tail_.begin_of(want.segment).value_or(want.end);
  const uint64_t file_end = std::min(want.end, in_memory_from);
  if (file_end > out.begin) {
    ++l->users_;
    ++s->readers;
    const auto got = co_await s->file().read(out.begin, {out.memory.data(), block_ceil(file_end) - out.begin});
    s->last_read = core_.now();
    --s->readers;
    --l->users_;
    if (!got) co_return unreadable(id, got.error());
    if (*got < file_end - out.begin) co_return unreadable(id, base::error{base::errc::truncated});
  }
  if (file_end < want.end) {
    const auto now_from = l->tail_.begin_of(want.segment);
    if (!now_from || *now_from > std::max(file_end, out.begin)) {
      out.moved = true;
      co_return out;
    }
    const uint64_t from = std::max(file_end, out.begin);
    l->tail_.copy(want.segment, from, want.end, out.memory.data() + (from - out.begin));
  }
  out.size = want.end - out.begin;
  co_return out;
}

/// The same from what was read ahead, where that has `least` bytes from `begin` on: then it may be less than was asked for.
reactor::task<base::result<reader::stretch>> reader::load_or_take(log_id id, wanted_bytes want, uint64_t least) {
  auto taken = co_await ahead_->take(id, want.segment, want.begin, least);
  if (taken) {
    stretch out{.memory = std::move(taken->memory), .begin = taken->begin};
    out.size = std::min(want.end, taken->end) - out.begin;
    co_return out;
  }
  co_return co_await load(id, want);
}

reactor::task<base::result<read_result>> reader::read_file(log_id id, read_plan plan) {
  uint64_t least = 0;  // bytes that the first batch is known to need
  uint64_t at_most = stretch_bytes;
  unsigned waits = 0;
  bool splice_tried = false;
  while (true) {
    CO_TRY_CHECK(co_await ready_plan(id, &plan));
    const log* l = manager_.find(id);
    segment* s = l->find_segment(plan.segment);
    if (!s->is_open() || !s->indexes_complete) continue;  // closed again meanwhile
    if (may_splice(plan, *s) && l->end_of(*s) <= plan.limit) {
      const auto known = s->verified.find(plan.wanted, plan.bytes_max);
      if (known && s->splice_handle() < 0) {
        // Where so many files are open that it was closed at once, memory will do.
        const auto opened = co_await ready_splice(id, plan.segment);
        if (!opened || splice_tried) plan.file_range_will_do = false;
        splice_tried = true;
        continue;
      }
      if (known) co_return range_of(*s, *known);
    }
    const uint64_t begin = ahead_->begin_of(id, plan.segment, plan.wanted).value_or(s->offsets.position_before(plan.wanted));
    const uint64_t slack = l->config_.index_interval_bytes + block_bytes;
    const uint64_t most = std::max<uint64_t>(least, std::min<uint64_t>(plan.bytes_max + slack, at_most));
    // No more blocks than `most` has, wherever in a block it begins: memory comes in powers of two.
    const uint64_t unaligned = most > least + block_bytes ? begin % block_bytes : 0;
    const uint64_t end = std::min(plan.end, begin + most - unaligned);
    const uint64_t number = s->number;
    auto loaded = co_await load_or_take(id, {plan.segment, number, begin, end}, least);
    if (!loaded && loaded.error().code == base::errc::no_memory && waits < memory_waits_max) {
      // Less will do, unless one batch is so large; and tails leave memory when they are in their segments.
      if (most > least && at_most > stretch_bytes_least) {
        at_most /= 2;
        continue;
      }
      ++waits;
      co_await reactor::sleep(core_, base::milliseconds(1));
      continue;
    }
    if (!loaded) co_return loaded.failure();
    l = manager_.find(id);
    s = l == nullptr || l->removed_ ? nullptr : l->find_segment(plan.segment);
    if (loaded->moved || s == nullptr || s->number != number) continue;
    close_some();
    uint64_t missing = 0;
    base::offset next = plan.wanted;
    uint64_t position = begin;
    const work_pace::counted checking(plan.pace);
    auto result = cut(id, plan, *loaded, begin, loaded->begin + loaded->size, &missing, &next, &position);
    if (result && result->bytes > 0 && !range_follows(id, plan, next)) ahead_->note(id, plan, next, position);
    if (!result || missing == 0) co_return result;
    if (missing <= least || begin + least >= plan.end) {
      core_.log().error("storage", "batch reaches over its segment's end", base::field("offset", plan.wanted));
      co_return base::fail(base::errc::storage);
    }
    least = missing;
  }
}

/// Files of closed segments are opened on demand; once a minute those that nobody reads any more are closed.
void reader::close_some() {
  const base::instant now = core_.now();
  if (now - last_sweep_ < sweep_interval) return;
  last_sweep_ = now;
  manager_.close_idle_files(now - sweep_interval);
}

// ---- by time

/// The first segment from `*base` on, or null behind the last one; `*base` is its base then. Its indexes are complete, or
/// all its timestamps are known to be below `least`. Segments leave from the front while one of them is waited for.
reactor::task<base::result<segment*>> reader::indexed_segment(log_id id, base::offset* base, base::unix_ms least) {
  while (true) {
    log* l = manager_.find(id);
    if (l == nullptr || l->removed_ || manager_.stopping()) co_return base::fail(base::errc::closed);
    segment* s = l->segment_from(*base);
    if (s != nullptr) *base = s->base();
    if (s == nullptr || s->indexes_complete || (s->largest_known() && s->times.largest() < least)) co_return s;
    const auto ready = co_await ready_file(id, *base);
    if (!ready && ready.error().code != base::errc::closed) co_return ready.failure();
  }
}

reactor::task<base::result<timestamp_and_offset>> reader::find_timestamp(log_id id, base::unix_ms target) {
  base::offset from{-1};
  base::offset at{0};
  while (from.value() < 0) {
    const auto found = co_await indexed_segment(id, &at, target);
    if (!found) co_return found.failure();
    const segment* s = *found;
    if (s == nullptr) co_return timestamp_and_offset{};
    if (s->times.largest() >= target && s->size > 0) {
      from = std::max({s->times.scan_from(target), s->base(), manager_.find(id)->log_start_});
    }
    at = at + int64_t{1};
  }
  auto found = co_await scan(id, from, target);
  co_return found;
}

/// The first record at or after `target`, looking from the batch on that holds `from`. Appended batches are waited for until
/// they may be answered for.
reactor::task<base::result<timestamp_and_offset>> reader::scan(log_id id, base::offset from, base::unix_ms target) {
  while (true) {
    log* l = manager_.find(id);
    if (l == nullptr || l->removed_ || manager_.stopping()) co_return base::fail(base::errc::closed);
    if (from >= l->end()) co_return timestamp_and_offset{};
    if (from >= l->acknowledged()) {
      if (l->offline_) co_return base::fail(base::errc::closed);  // nothing more will be acknowledged
      co_await reactor::sleep(core_, base::milliseconds(1));
      continue;
    }
    const uint64_t unpacked_bytes_max = l->config_.decompressed_bytes_max;
    const base::offset start = l->log_start_;
    from = std::max(from, start);  // it may have risen meanwhile
    const auto plan = l->plan_read(from, scan_bytes_max, true);
    if (!plan) co_return plan.failure();
    const auto got = co_await read(id, *plan);
    if (!got) co_return got.failure();
    if (got->bytes == 0) co_return timestamp_and_offset{};
    std::vector<uint8_t> joined;
    const base::bytes whole = in_one_piece(*got, joined);
    record::batch_iterator batches(whole);
    while (!batches.done()) {
      const auto batch = batches.next();
      if (!batch) co_return base::fail(base::errc::storage);
      from = batch->next_offset();
      if (batch->max_timestamp() < target) continue;
      const auto found = co_await find_in_batch(*batch, start, target, unpacked_bytes_max);
      if (!found) co_return found;
      if (found->offset.value() >= 0) co_return found;
    }
  }
}

/// The bytes of an answer behind each other, copied where they are not.
base::bytes reader::in_one_piece(const read_result& got, std::vector<uint8_t>& joined) {
  if (got.slices.size() == 1) return {got.slices[0].data, got.slices[0].size};
  joined.reserve(got.bytes);
  for (const slice& s : got.slices) joined.insert(joined.end(), s.data, s.data + s.size);
  return joined;
}

/// The first record at or after `target` among those of a batch from offset `from` on.
reactor::task<base::result<timestamp_and_offset>> reader::find_in_batch(record::batch_view batch, base::offset from,
                                                                        base::unix_ms target, uint64_t unpacked_bytes_max) {
  record::walk_rules rules = record::walk_rules::stored(batch);
  rules.search_timestamp = target;
  rules.search_delta = static_cast<int32_t>(std::max<int64_t>(0, from - batch.base_offset()));
  const auto seen = co_await walk(batch, rules, unpacked_bytes_max);
  if (!seen) co_return seen.failure();
  if (seen->found_delta < 0) co_return timestamp_and_offset{};
  co_return timestamp_and_offset{seen->found_timestamp, batch.base_offset() + int64_t{seen->found_delta}};
}

}  // namespace millrace::storage
