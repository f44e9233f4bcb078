#include <algorithm>
#include <cstring>

#include "storage/log_manager.hh"
#include "storage/recovery.hh"

/// What a core does for its logs in the background: open tails, grow files, find space again, remove files.

namespace millrace::storage {

namespace {
constexpr base::duration space_retry_interval = base::seconds(1);
constexpr base::duration busy_pause = base::milliseconds(100);  ///< where no more files can be open
constexpr base::duration room_look_interval = base::milliseconds(10);
/// Who was told to wait and does not within this time waits no more.
constexpr base::duration room_wanted_at_most = base::seconds(1);
}  // namespace

void log_manager::let_go(log& l) {
  if (l.front_may_leave()) front_freed_.wake_all();
  bound_open_files();
}

reactor::task<void> log_manager::all_let_go(log& l) {
  while (l.users_ > 0 || l.groups_ > 0 || l.writes_ > 0 || l.destaging_ || l.preparing_ || l.tail_opening_) {
    co_await reactor::sleep(core_, base::milliseconds(1));
  }
}

// ---- who waits for room

/// Much of what makes room wakes room() by itself. But that may have been just before the wait began, and memory that
/// readers give back tells nobody: so it is looked again while somebody waits.
void log_manager::want_room() {
  room_wanted_ = true;
  room_wanted_at_ = core_.now();
  if (watching_room_ || stopping_ || scope_->closing()) return;
  watching_room_ = true;
  scope_->spawn(watch_room_task());
}

bool log_manager::wants_room() const {
  return room_wanted_ && !stopping_ && (!room_.empty() || core_.now() - room_wanted_at_ < room_wanted_at_most);
}

reactor::task<void> log_manager::watch_room_task() {
  while (wants_room()) {
    co_await reactor::sleep(core_, room_look_interval);
    memory_freed();
  }
  watching_room_ = false;
}

// ---- the tail of a log that this process has not appended to yet

void log_manager::open_tail(log& l) {
  want_room();
  if (l.tail_opening_ || stopping_) return;
  l.tail_opening_ = true;
  scope_->spawn(open_tail_task(&l));
}

reactor::task<void> log_manager::open_tail_task(log* l) {
  const auto read = co_await read_tail_block(*l);
  const bool busy = !read && read.error().code == base::errc::busy;
  if (busy) co_await reactor::sleep(core_, busy_pause);
  l->tail_opening_ = false;
  if (!read && !passes(read.error().code)) take_offline(*l, "tail block cannot be read");
  // Else the next append tries again.
  if (!read && read.error().code == base::errc::no_memory) make_room(block_bytes);
  memory_freed();
}

reactor::task<base::result<void>> log_manager::read_tail_block(log& l) {
  segment& s = l.active();
  const uint64_t end = l.end_.position;
  CO_TRY_CHECK(co_await s.open_for_write());
  CO_TRY_CHECK(co_await s.learn_first_timestamp());
  if (end % block_bytes == 0) {
    l.tail_open_ = true;
    co_return base::result<void>();
  }
  reactor::chunk block = core_.memory().allocate(block_bytes);
  if (!block) co_return base::fail(base::errc::no_memory);
  const auto got = co_await s.file().read(block_floor(end), block.bytes());
  if (!got) co_return got.failure();
  if (*got < end - block_floor(end)) co_return base::fail(base::errc::truncated);
  if (!l.tail_.adopt(s.base(), end, {block.data(), end - block_floor(end)})) {
    co_return base::fail(base::errc::no_memory);
  }
  l.tail_open_ = true;
  co_return base::result<void>();
}

// ---- room in the file of the active segment

void log_manager::prepare(log& l, segment& s) {
  if (l.preparing_ || l.no_space_ || l.offline_ || l.removed_ || scope_->closing() || s.closing) return;
  l.preparing_ = true;
  scope_->spawn(prepare_task(&l, s.base()));
}

reactor::task<void> log_manager::prepare_task(log* l, base::offset segment_base) {
  segment* s = l->find_segment(segment_base);
  base::result<void> outcome;
  if (s != nullptr && s->state != segment_state::closed && !s->closing) {
    outcome = co_await s->open_for_write();
    if (outcome) {
      const uint64_t ahead = std::min(s->size + s->allocated / 2, l->config_.segment_bytes);
      outcome = co_await s->allocate(block_ceil(std::max(s->size + 1, ahead)));
    }
  }
  const bool no_space_left = !outcome && outcome.error().code == base::errc::no_space;
  if (!outcome && passes(outcome.error().code) && !no_space_left) co_await reactor::sleep(core_, busy_pause);
  l->preparing_ = false;
  bound_open_files();
  if (no_space_left) no_space(*l);
  if (!outcome && !passes(outcome.error().code)) take_offline(*l, "segment file cannot be prepared");
  destager_.write_ended();
}

void log_manager::no_space(log& l) {
  if (l.no_space_) return;
  l.no_space_ = true;
  ++logs_without_space_;
  core_.log().error("storage", "no space left: appends are refused", base::field("log", l.directory()));
  room_.wake_all();  // who waits to append is told
  if (stopping_) return;
  scope_->spawn(pool_.give_up());
  ++l.users_;
  scope_->spawn(retry_space_task(&l));
}

reactor::task<void> log_manager::retry_space_task(log* l) {
  while (!stopping_ && !l->removed_ && !l->offline_) {
    co_await reactor::sleep(core_, space_retry_interval);
    if (l->preparing_) continue;
    l->preparing_ = true;
    const auto grown = co_await grow_active(l);
    l->preparing_ = false;
    destager_.write_ended();
    if (!grown) continue;
    core_.log().info("storage", "space again: appends go on", base::field("log", l->directory()));
    break;
  }
  --l->users_;
  --logs_without_space_;
  if (stopping_) co_return;
  l->no_space_ = false;
  room_.wake_all();
  commits_.look_again();
  destager_.wake();
}

/// Once more what there was no space for. The log is preparing_: its segments stay.
reactor::task<base::result<void>> log_manager::grow_active(log* l) {
  segment* s = &l->active();
  if (s->closing) co_return base::result<void>();
  CO_TRY_CHECK(co_await s->open_for_write());
  const auto grown = co_await s->allocate(block_ceil(s->size + 1));
  co_return grown;
}

void log_manager::close_idle_files(base::instant before) { scope_->spawn(close_idle_task(before)); }

reactor::task<void> log_manager::close_idle_task(base::instant before) {
  for (const log_id& id : all_logs()) {
    for (size_t i = 0;; ++i) {
      log* l = find(id);
      if (l == nullptr || l->removed_ || i >= l->segments_.size()) break;
      segment& s = *l->segments_[i];
      if (s.state != segment_state::closed || !s.is_open() || s.readers > 0 || s.last_read > before) continue;
      ++l->users_;
      ++s.readers;
      co_await s.close_file();
      --s.readers;
      --l->users_;
    }
  }
}

// ---- how many files are open

/// Nobody reads it, and nothing is on its way into it; a log that is idle opens its last segment again when it has to.
bool log_manager::may_close_file(const log& l, const segment& s) {
  if (!s.is_open() || s.readers > 0 || l.removed_ || l.offline_) return false;
  if (s.state == segment_state::closed) return true;
  return &s == &l.active() && l.idle() && l.users_ == 0 && !l.preparing_ && !s.closing;
}

void log_manager::bound_open_files() {
  if (open_files_ <= options_.open_files_max || bounding_files_ || stopping_ || scope_->closing()) return;
  bounding_files_ = true;
  scope_->spawn(bound_open_files_task());
}

reactor::task<void> log_manager::bound_open_files_task() {
  struct candidate {
    base::instant last_used;
    log_id id;
    base::offset segment;
  };
  std::vector<candidate> all;
  for (const auto& [id, l] : logs_) {
    for (const auto& s : l->segments_) {
      if (may_close_file(*l, *s)) all.push_back({s->last_read, id, s->base()});
    }
  }
  std::ranges::stable_sort(all, {}, &candidate::last_used);
  // Some more than must be: the next one need not look at all logs again.
  const uint64_t wanted = options_.open_files_max - options_.open_files_max / 8;
  for (const candidate& one : all) {
    if (open_files_ <= wanted) break;
    log* l = find(one.id);
    segment* s = l == nullptr ? nullptr : l->find_segment(one.segment);
    if (s == nullptr || !may_close_file(*l, *s)) continue;
    ++l->users_;
    ++s->readers;
    co_await s->close_file();
    --s->readers;
    --l->users_;
  }
  bounding_files_ = false;
}

}  // namespace millrace::storage
