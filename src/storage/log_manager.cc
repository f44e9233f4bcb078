#include "storage/log_manager.hh"

#include <algorithm>

#include "storage/layout.hh"
#include "storage/partition_metadata.hh"
#include "storage/read_ahead.hh"

namespace millrace::storage {

namespace {
constexpr uint64_t backlog_bytes_max = 64u << 20;
constexpr unsigned making_workers = 32;
constexpr uint64_t ahead_bytes_most = 32u << 20;
}  // namespace

log_manager::log_manager(reactor::core& on, storage_options options)
    : core_(on),
      options_(std::move(options)),
      tails_(on.memory()),
      tail_bytes_max_(on.memory().capacity() / 4 * 3),
      backlog_max_(std::min({backlog_bytes_max, on.memory().capacity() / 4, options_.commits.file_bytes / 4})),
      writer_(on),
      pool_(on, options_.data_dir, options_.pool),
      indexes_(options_.index_bytes_max > 0 ? options_.index_bytes_max : on.memory().capacity() / 16),
      commits_(on, *this, writer_, options_.commits),
      destager_(on, *this, commits_, writer_, options_.data_dir),
      cold_(on, commits_, writer_),
      reader_(on, *this,
              options_.read_ahead_bytes_max > 0 ? options_.read_ahead_bytes_max
                                                : std::min<uint64_t>(ahead_bytes_most, on.memory().capacity() / 16)),
      retention_(*this),
      compaction_(*this, options_.compact),
      room_(on),
      front_freed_(on),
      scope_(std::make_unique<reactor::scope>(on)) {}

log_manager::~log_manager() = default;

// ---- life

reactor::task<base::result<void>> log_manager::start(std::vector<taken> logs, base::leader_epoch start_number, bool clean) {
  indexes_trusted_ = clean;
  const auto tidied = co_await tidy_compactions(&logs);
  if (!tidied) co_return tidied;
  for (taken& one : logs) {
    CO_TRY_CHECK(adopt(std::move(one)));
  }
  const auto opened = co_await start_files(start_number);
  if (!opened) {
    co_await destager_.close();
    co_await commits_.close();
    co_return opened;
  }
  scope_->spawn(commits_.prepare_rest());
  scope_->spawn(destager_.run());
  if (!stale_.empty()) scope_->spawn(remove_stale_segments());
  scope_->spawn(pool_.remove_surplus());
  co_return opened;
}

reactor::task<base::result<void>> log_manager::start_files(base::leader_epoch start_number) {
  CO_TRY_CHECK(co_await commits_.open(layout::commit_file(options_.data_dir, core_.id().value())));
  CO_TRY_CHECK(co_await destager_.open(start_number));
  CO_TRY_CHECK(co_await destager_.write_checkpoint(false));
  co_return pool_.open();
}

/// Builds a log over the segments that its directory holds. Files behind the end are leftovers, never data; they are
/// overwritten when the log gets there.
base::result<void> log_manager::adopt(taken one) {
  auto l = std::make_unique<log>(*this, std::move(one.state), one.config);
  const log_point end = l->end_;
  auto files = core_.effects().list(path_of(*l));
  if (!files) return files.failure();
  std::vector<std::pair<base::offset, uint64_t>> found;
  for (const reactor::directory_entry& f : *files) {
    const auto base = layout::parse_log_file(f.name);
    if (base && *base < end.segment) found.emplace_back(*base, f.size);
  }
  for (size_t i = 0; i < found.size(); ++i) {
    const base::offset next = i + 1 < found.size() ? found[i + 1].first : end.segment;
    if (next <= l->log_start_) {
      stale_.push_back(path_of(*l) + "/" + layout::log_file(found[i].first));
      stale_.push_back(path_of(*l) + "/" + layout::index_file(found[i].first));
      stale_.push_back(path_of(*l) + "/" + layout::time_index_file(found[i].first));
      continue;
    }
    auto s = new_segment(*l, found[i].first);
    s->state = segment_state::closed;
    s->size = s->issued = s->written = s->tail_written = found[i].second;
    s->indexes_complete = false;
    s->indexes_from = s->size;
    s->indexes_from_offset = next;
    l->segments_.push_back(std::move(s));
  }
  auto active = new_segment(*l, end.segment);
  active->size = active->tail_written = end.position;
  active->issued = active->written = block_floor(end.position);
  const auto size = core_.effects().size_of(active->log_path());
  if (size) active->allocated = block_floor(*size);
  active->from_before = size.ok();
  if (size && *size != end.position) l->touched_ = true;  // not cut to its end: a stop has to do that
  if (end.position > 0) {
    active->indexes_complete = false;
    active->indexes_from = end.position;
    active->indexes_from_offset = end.next;
    if (end.position % block_bytes != 0) active->protect_from = block_floor(end.position);
  }
  l->segments_.push_back(std::move(active));
  const log_id id = l->id();
  logs_[id] = std::move(l);
  return {};
}

reactor::task<base::result<void>> log_manager::stop() {
  stopping_ = true;
  room_.wake_all();
  front_freed_.wake_all();
  cold_.stop();
  const base::instant limit = core_.now() + base::seconds(8);
  while (!commits_.idle() && !commits_.failed() && core_.now() < limit) {
    co_await reactor::sleep(core_, base::milliseconds(1));
  }
  // Writes end: what is in flight is waited for however long it takes.
  while (commits_.in_flight() > 0) co_await reactor::sleep(core_, base::milliseconds(1));
  const bool whole = commits_.idle() && !commits_.failed();
  destager_.stop();
  co_await scope_->close();
  base::result<void> outcome;
  if (whole) {
    outcome = co_await destager_.park_all();
    // What only the commit log holds is what a clean mark would forget.
    if (outcome && !all_parked()) outcome = base::fail(base::errc::storage);
    const auto marked = co_await destager_.write_checkpoint(outcome.ok());
    if (outcome) outcome = marked;
  } else {
    outcome = base::fail(base::errc::storage);
  }
  while (writer_.in_flight() > 0) co_await reactor::sleep(core_, base::milliseconds(1));
  for (auto& [id, l] : logs_) co_await close_files_of(*l);
  for (auto& l : pinned_) co_await close_files_of(*l);
  for (auto& s : replaced_) co_await close_unused(*s);
  co_await destager_.close();
  co_await commits_.close();
  co_return outcome;
}

bool log_manager::all_parked() const {
  return std::none_of(logs_.begin(), logs_.end(), [](const auto& one) {
    const log& l = *one.second;
    return l.offline_ || l.dirty_since_ != log::clean || l.dirty_next_ != log::clean;
  });
}

reactor::task<void> log_manager::close_files_of(log& l) {
  for (auto& s : l.segments_) co_await close_unused(*s);
}

reactor::task<void> log_manager::close_unused(segment& s) {
  while (s.readers > 0) co_await reactor::sleep(core_, base::milliseconds(1));
  co_await s.close_file();
}

void log_manager::abandon() noexcept {
  scope_->abandon();
  commits_.abandon();
  destager_.abandon();
  writer_.abandon();
  for (auto& [id, l] : logs_) {
    l->groups_ = l->writes_ = 0;
    for (auto& s : l->segments_) s->abandon();
  }
  for (auto& l : pinned_) {
    for (auto& s : l->segments_) s->abandon();
  }
  for (auto& s : replaced_) s->abandon();
}

/// Directories being made, shared by the tasks that make them.
struct log_manager::making {
  explicit making(reactor::core& on) : done(on) {}
  std::vector<new_log>* logs = nullptr;
  size_t next = 0;
  unsigned running = 0;
  base::result<void> outcome;
  reactor::wait_list done;
};

reactor::task<base::result<void>> log_manager::create(std::vector<new_log> logs) {
  if (stopping_) co_return base::fail(base::errc::closed);
  for (const new_log& n : logs) {
    if (logs_.contains(n.id)) co_return base::fail(base::errc::exists);
  }
  making state(core_);
  state.logs = &logs;
  while (state.running < making_workers && state.running < logs.size()) {
    ++state.running;
    scope_->spawn(make_directories(&state));
  }
  while (state.running > 0) co_await state.done.wait();
  if (!state.outcome) co_return state.outcome;
  CO_TRY_CHECK(co_await reactor::sync_directory(core_, options_.data_dir));
  for (new_log& n : logs) {
    log_state fresh;
    fresh.id = n.id;
    fresh.directory = n.directory;
    auto l = std::make_unique<log>(*this, std::move(fresh), n.config);
    l->segments_.push_back(new_segment(*l, base::offset{0}));
    const log_id id = n.id;
    logs_[id] = std::move(l);
  }
  co_return base::result<void>();
}

namespace {
bool holds_segments(reactor::core& on, const std::string& directory) {
  const auto files = on.effects().list(directory);
  if (!files) return true;
  return std::any_of(files->begin(), files->end(),
                     [](const auto& f) { return layout::parse_segment_file(f.name).has_value(); });
}
}  // namespace

reactor::task<void> log_manager::make_directories(making* state) {
  while (state->outcome && state->next < state->logs->size()) {
    const new_log& n = (*state->logs)[state->next++];
    const std::string path = options_.data_dir + "/" + n.directory;
    const base::uuid topic = n.id.topic;
    const auto made = co_await reactor::make_directory(core_, path);
    const bool empty = made || (made.error().code == base::errc::exists && !holds_segments(core_, path));
    if (!empty) {
      state->outcome = made;
      break;
    }
    const auto named = co_await write_partition_metadata(core_, path, topic);
    if (!named) state->outcome = named;
  }
  --state->running;
  state->done.wake_all();
}

log* log_manager::find(const log_id& id) noexcept {
  const auto found = logs_.find(id);
  return found == logs_.end() ? nullptr : found->second.get();
}

std::unique_ptr<segment> log_manager::new_segment(log& l, base::offset base) {
  auto s = std::make_unique<segment>(core_, path_of(l), base, l.config_);
  s->created_at = core_.wall_clock();
  s->number = ++segments_made_;
  s->count_open(&open_files_);
  // A log that filled a segment is likely to fill the next one.
  if (!l.segments_.empty() && pool_.is_for(l.segments_.back()->size)) s->draw_from(&pool_);
  return s;
}

// ---- appending

bool log_manager::admits(uint64_t bytes) {
  if (commits_.backlog() == 0 || commits_.backlog() + bytes <= backlog_max_) return true;
  ++counters_.busy;
  want_room();
  return false;
}

void log_manager::appended(log& l, uint64_t bytes) {
  commits_.enqueue(l, bytes);
  segment& s = l.active();
  // The file is made when there is enough for it, and grows when three quarters are used, up to what a segment may have.
  const bool full_size = s.allocated >= block_ceil(std::max(l.config_.segment_bytes, s.size));
  if (s.size < options_.commits.inline_bytes_max / 2 || s.size + s.allocated / 4 < s.allocated || full_size) return;
  prepare(l, s);
}

void log_manager::rolled(log& l) {
  ++counters_.rolls;
  l.rolled_ = true;
}

void log_manager::make_room(uint64_t bytes) {
  reader_.drop_ahead();
  uint64_t freed = 0;
  auto it = tails_.ages.begin();
  while (freed < bytes && it != tails_.ages.end()) {
    tail_piece& piece = *it;
    ++it;
    log* l = piece.log_of;
    if (&l->tail_.front() != &piece) continue;
    segment* s = l->find_segment(piece.segment);
    const bool in_file = s == nullptr || s->state == segment_state::closed || piece.limit() <= s->written;
    if (!in_file && !l->idle()) continue;
    if (piece.memory.uses() == 1) freed += piece.memory.size();
    l->tail_.drop_front();
    if (l->tail_.empty() && l->end_.position % block_bytes != 0) l->tail_open_ = false;
  }
  if (freed < bytes) {
    all_dropped_ = true;
    want_room();
    destager_.wake();
  }
}

void log_manager::memory_freed() {
  if (!room_wanted_ || room_.empty()) return;  // who is about to wait is woken by what comes next
  room_wanted_ = false;
  room_.wake_all();
}

void log_manager::groups_completed() {
  destager_.groups_completed();
  if (tails_.bytes > tail_bytes_max_ && !all_dropped_) make_room(tails_.bytes - tail_bytes_max_);
  memory_freed();
}

void log_manager::take_offline(log& l, const char* why) {
  if (l.offline_) return;
  l.offline_ = true;
  commits_.forget(l);
  core_.log().error("storage", "log offline", base::field("log", l.directory()), base::field("cause", why));
  if (l.listener_ != nullptr) l.listener_->on_offline();
  destager_.log_ended();
  room_.wake_all();
}

void log_manager::commit_failed() {
  for (auto& [id, l] : logs_) take_offline(*l, "commit log write failed");
}

storage_counters log_manager::counters() const noexcept {
  storage_counters all = counters_;
  all.pinned_bytes = core_.memory().pinned();
  all.writing_bytes = writer_.bytes_in_flight();
  all.pool_files = pool_.files();
  all.pool_bytes = pool_.bytes();
  all.pool_taken = pool_.taken();
  all.index_bytes = indexes_.bytes();
  all.open_files = open_files_;
  all.ahead_bytes = reader_.ahead().bytes();
  all.ahead_used = reader_.ahead().used();
  all.cold_bytes = cold_.bytes_in_flight();
  all.cold_waits = cold_.waits();
  all.tail_bytes = tails_.bytes;
  all.tail_bytes_max = tail_bytes_max_;
  return all;
}

void log_manager::note_group(size_t logs, uint64_t bytes) {
  ++counters_.groups;
  counters_.group_logs += logs;
  counters_.group_bytes += bytes;
}

// ---- what a checkpoint says

std::vector<log_id> log_manager::dirty_logs(uint64_t before) const {
  std::vector<log_id> ids;
  for (const auto& [id, l] : logs_) {
    if (l->dirty_since_ < before && !l->removed_) ids.push_back(id);
  }
  return ids;
}

std::vector<log_id> log_manager::all_logs() const {
  std::vector<log_id> ids;
  ids.reserve(logs_.size());
  for (const auto& [id, l] : logs_) ids.push_back(id);
  return ids;
}

std::vector<log_id> log_manager::logs_after(const log_id& after, size_t most) const {
  std::vector<log_id> ids;
  for (auto at = logs_.upper_bound(after); at != logs_.end() && ids.size() < most; ++at) ids.push_back(at->first);
  return ids;
}

std::vector<log_state> log_manager::states() {
  std::vector<log_state> all;
  all.reserve(logs_.size());
  for (const auto& [id, l] : logs_) all.push_back(l->state());
  note_log_starts();
  return all;
}

uint64_t log_manager::oldest_dirty(uint64_t otherwise) const {
  uint64_t oldest = otherwise;
  for (const auto& [id, l] : logs_) oldest = std::min({oldest, l->dirty_since_, l->dirty_next_});
  return oldest;
}

}  // namespace millrace::storage
