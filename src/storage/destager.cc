#include "storage/destager.hh"

#include <algorithm>
#include <utility>

#include "base/mutant.hh"
#include "storage/log_manager.hh"

namespace millrace::storage {

namespace {
constexpr uint64_t eager_bytes = 256 << 10;
constexpr unsigned eager_writes_max = 8;
/// Large writes that passes have in flight: more of them would only make others wait longer.
constexpr uint64_t pass_bytes_in_flight_max = 4u << 20;
/// After a pass that could do nothing (the file system is full, readers hold the memory): it is asked for all the time then.
constexpr base::duration idle_pass_pause = base::milliseconds(10);
constexpr base::duration failed_pass_pause = base::seconds(1);
constexpr base::duration rescue_interval = base::seconds(1);
}  // namespace

destager::destager(reactor::core& on, log_manager& manager, commit_log& commits, segment_writer& writer,
                   std::string data_dir)
    : core_(on),
      manager_(manager),
      commits_(commits),
      writer_(writer),
      files_(on, std::move(data_dir), on.id().value()),
      wake_(on),
      write_ended_(on),
      durable_moved_(on),
      checkpoint_free_(on) {}

reactor::task<base::result<void>> destager::open(base::leader_epoch start_number) {
  start_number_ = start_number;
  while (padding_.size() < pass_workers) {
    padding_.push_back(core_.memory().allocate(block_bytes));
    if (!padding_.back()) co_return base::fail(base::errc::no_memory);
  }
  const auto opened = co_await files_.open();
  co_return opened;
}

reactor::task<void> destager::run() {
  while (!stopping_) {
    if (!rolled_.empty()) {
      co_await close_all_rolled();
      continue;
    }
    if (!pass_due()) {
      co_await wake_.wait();
      continue;
    }
    wanted_ = false;
    const bool moved = co_await pass();
    if (!moved && !stopping_) co_await reactor::sleep(core_, no_space_ ? failed_pass_pause : idle_pass_pause);
  }
}

bool destager::pass_due() const { return wanted_ || commits_.used() >= commits_.capacity() / 4; }

void destager::wake() noexcept {
  wanted_ = true;
  wake_.wake_all();
}

void destager::stop() noexcept {
  stopping_ = true;
  wake_.wake_all();
}

void destager::became_durable(log& l) {
  if (commits_.used() >= commits_.capacity() / 4) wake_.wake_all();
  if (l.rolled_) close_rolled(l);
  segment& s = *l.find_segment(l.durable_.segment);
  const uint64_t whole = block_floor(l.durable_.position);
  if (l.destaging_ || l.removed_ || whole < s.issued + eager_bytes) return;
  if (!s.is_open() || s.allocated < whole) return manager_.prepare(l, s);
  if (!s.may_write_at_end(commits_.completed())) return;
  while (s.issued < whole && writer_.in_flight() < eager_writes_max) writer_.write_blocks(l, s, whole, *this);
}

void destager::segment_written(log& l, int error) {
  if (error != 0) {
    l.rescuing_ = false;
    manager_.take_offline(l, "segment write failed");
  }
  manager_.memory_freed();
  write_ended();
}

// ---- a pass

/// A block of padding_, for as long as it lives.
struct destager::padding_block {
  explicit padding_block(destager& of) : from(of), memory(std::move(of.padding_.back())) { of.padding_.pop_back(); }
  ~padding_block() { from.padding_.push_back(std::move(memory)); }
  padding_block(const padding_block&) = delete;
  padding_block& operator=(const padding_block&) = delete;
  destager& from;
  reactor::chunk memory;
};

/// False where nothing came of it.
reactor::task<bool> destager::pass() {
  pass_state state(core_);
  state.todo = manager_.dirty_logs(commits_.head());
  for (unsigned i = 0; i < pass_workers && i < state.todo.size(); ++i) {
    ++state.running;
    manager_.background().spawn(pass_worker(&state));
  }
  while (state.running > 0) co_await state.done.wait();
  no_space_ = state.without_space > 0 && state.destaged + state.failed == 0;
  if (state.destaged == 0 && manager_.oldest_dirty(commits_.head()) <= commits_.tail()) {
    manager_.memory_freed();  // who waits looks again, and asks again
    co_return false;
  }
  const auto written = co_await write_checkpoint(false);
  if (!written) {
    core_.log().error("storage", "checkpoint failed", base::field("error", written.error()));
    if (written.error().code == base::errc::no_space) manager_.checkpoint_without_space(true);
    wanted_ = true;
    if (!stopping_) co_await reactor::sleep(core_, failed_pass_pause);
  }
  co_return true;
}

reactor::task<void> destager::pass_worker(pass_state* state) {
  while (state->next < state->todo.size()) {
    const log_id id = state->todo[state->next++];
    log* l = manager_.find(id);
    if (l == nullptr || l->removed_ || !may_destage(*l)) continue;
    ++l->users_;
    const auto result = co_await destage(*l);
    --l->users_;
    l->rescuing_ = false;
    manager_.let_go(*l);
    if (result) {
      ++state->destaged;
      continue;
    }
    note_failure(*state, *l, result.error());
  }
  --state->running;
  state->done.wake_all();
}

/// Some errors pass: the log stays dirty, and the next pass tries again. Where there is no space its appends are refused
/// until there is: what they would fill is the commit log, which then all logs would wait for.
void destager::note_failure(pass_state& state, log& l, const base::error& why) {
  const bool no_space = why.code == base::errc::no_space;
  ++(no_space ? state.without_space : state.failed);
  if (no_space && !l.removed_) manager_.no_space(l);
  if (!passes(why.code) && !l.removed_) manager_.take_offline(l, "destaging failed");
}

// ---- segments that ended

/// Called when something of the log became durable: whether all of the segment that was rolled did.
void destager::close_rolled(log& l) {
  const auto sealed =
      std::find_if(l.segments_.begin(), l.segments_.end(), [](const auto& s) { return s->state != segment_state::closed; });
  if ((*sealed)->base() >= l.durable_.segment) return;
  l.rolled_ = false;
  rolled_.push_back(l.id_);
  wake_.wake_all();
}

reactor::task<void> destager::close_all_rolled() {
  pass_state state(core_);
  state.todo = std::exchange(rolled_, {});
  for (unsigned i = 0; i < pass_workers && i < state.todo.size(); ++i) {
    ++state.running;
    manager_.background().spawn(close_worker(&state));
  }
  while (state.running > 0) co_await state.done.wait();
}

reactor::task<void> destager::close_worker(pass_state* state) {
  while (state->next < state->todo.size()) {
    log* l = manager_.find(state->todo[state->next++]);
    // Rolled twice, it is here twice: whoever is at it comes to the second segment, too.
    if (l == nullptr || l->removed_ || l->offline_ || l->destaging_) continue;
    ++l->users_;
    const auto closed = co_await close_sealed(*l);
    --l->users_;
    manager_.let_go(*l);
    if (!closed) note_failure(*state, *l, closed.error());
  }
  --state->running;
  state->done.wake_all();
}

void destager::begin_destage(log& l) {
  ASSERT(!l.destaging_);
  l.destaging_ = true;
  l.destaged_below_ = l.segments_.front()->base();
}

/// The first segment from `from` to `last` that is not closed, null where there is none; `from` goes on behind it. It is
/// found by its offset, never by its place: while it is written those before it may leave, or become fewer by compaction.
segment* destager::next_to_destage(log& l, base::offset* from, base::offset last) {
  segment* s = l.segment_from(*from);
  while (s != nullptr && s->state == segment_state::closed) s = l.segment_from(s->base() + 1);
  if (s == nullptr || s->base() > last) return nullptr;
  l.destaged_below_ = s->base();
  *from = s->base() + 1;
  return s;
}

/// Closes the sealed segments before the one that is staged. The log is as dirty as before: a pass still brings it on.
reactor::task<base::result<void>> destager::close_sealed(log& l) {
  begin_destage(l);
  log_point target;
  bool reached = false;
  base::result<void> outcome;
  for (base::offset from; outcome;) {
    segment* s = next_to_destage(l, &from, l.staged_.segment - 1);
    if (s == nullptr) break;
    outcome = co_await destage_segment(l, *s, &target, &reached);
  }
  l.destaging_ = false;
  co_return outcome;
}

/// Answers go first, which wait for the direct writes of groups; but where three quarters of the commit log are used, all
/// will soon wait for the pass.
bool destager::may_write() const {
  const bool first = commits_.used() >= commits_.capacity() / 4 * 3;
  return (first ? writer_.bytes_in_flight(*this) : writer_.bytes_in_flight()) < pass_bytes_in_flight_max;
}

/// A log that is offline is destaged from the start again, each second: a write that failed left old or new bytes, and
/// memory has every byte that is not surely in a file. It stays offline; but its records would fill the commit log for
/// everybody.
bool destager::may_destage(log& l) {
  if (!l.offline_) return true;
  if (commits_.failed() || l.writes_ > 0 || l.groups_ > 0 || l.preparing_ || core_.now() < l.rescue_at_) return false;
  l.rescuing_ = true;
  l.rescue_at_ = core_.now() + rescue_interval;
  for (auto& s : l.segments_) {
    if (s->state == segment_state::closed) continue;
    s->issued = s->written;
    s->tail_written = s->written;
    s->pending_writes.clear();
    s->protect_from = segment::no_protection;
    s->guard = 0;
  }
  return true;
}

/// Brings a log's segments to its staged point; then a checkpoint may name that point.
reactor::task<base::result<void>> destager::destage(log& l) {
  begin_destage(l);
  log_point target = l.checkpointed_;
  bool reached = false;
  base::result<void> outcome;
  // Only until the target is set: a segment that was the staged one then may have grown and been rolled since.
  for (base::offset from; outcome && !reached;) {
    segment* s = next_to_destage(l, &from, l.staged_.segment);
    if (s == nullptr) break;
    outcome = co_await destage_segment(l, *s, &target, &reached);
  }
  if (outcome && !reached) {  // all that is staged is in closed segments
    target = l.staged_;
    l.dirty_next_ = log::clean;
  }
  while (outcome && l.durable_.next < target.next) {
    if (l.gone()) outcome = base::fail(base::errc::storage);
    if (outcome) co_await durable_moved_.wait();
  }
  if (outcome) {
    step_over_roll(l, &target);
    l.checkpointed_ = target;
    l.dirty_since_ = l.dirty_next_;
  }
  l.destaging_ = false;
  co_return outcome;
}

/// A log that was rolled and got nothing since goes on in its new, empty segment: named by a checkpoint as its end, the
/// closed one would be written again after a restart, and the new one's file be taken for a part of the log.
void destager::step_over_roll(const log& l, log_point* target) {
  const size_t count = l.segments_.size();
  if (count < 2 || l.end_.position > 0 || target->next != l.end_.next) return;
  if (l.segments_[count - 2]->state == segment_state::closed) *target = l.end_;
}

/// Writes one segment up to where it is staged, and closes it where it is sealed and that is all of it. Where it is the
/// segment of the staged point, `target` becomes that point, which is `reached`.
reactor::task<base::result<void>> destager::destage_segment(log& l, segment& s, log_point* target, bool* reached) {
  ASSERT(!padding_.empty());  // workers of a pass, or the stop alone
  padding_block padding(*this);
  uint64_t end = 0;
  uint64_t first_end = 0;
  while (true) {
    if (l.gone()) co_return base::fail(base::errc::storage);
    end = s.base() == l.staged_.segment ? l.staged_.position : s.size;  // each wait may let more come
    if (end <= s.tail_written) break;
    if (first_end == 0) first_end = block_floor(end);
    const auto room = co_await ready_to_write(l, s, block_ceil(end));
    if (!room) co_return room.failure();
    if (*room == waited::yes) continue;
    if (s.issued >= first_end) break;
    if (may_write()) {
      writer_.write_blocks(l, s, first_end, *this);
    } else {
      co_await write_ended_.wait();
    }
  }
  // No wait from here to the marks: what is staged later begins its group with the protected block, and makes the log
  // dirty again.
  const bool final = s.state == segment_state::sealed && end == s.size;
  if (end > s.tail_written) {
    while (s.issued < block_floor(end)) writer_.write_blocks(l, s, block_floor(end), *this);
    if (end % block_bytes != 0) {
      writer_.write_tail_block(l, s, end, padding.memory, *this);
      if (!final && !base::mutated(base::mutant::rewrite_unprotected_tail)) s.protect_from = block_floor(end);
    }
    s.tail_written = end;
  }
  if (s.base() == l.staged_.segment) {
    *target = l.staged_;
    *reached = true;
    l.dirty_next_ = log::clean;
  }
  // The padding is in use until its write ended, whatever came of the others.
  while (s.tail_block_writes > 0 || (s.written < block_floor(end) && (!l.offline_ || l.rescuing_))) {
    co_await write_ended_.wait();
  }
  if (l.gone()) co_return base::fail(base::errc::storage);
  if (!final) co_return base::result<void>();
  const auto closed = co_await close_segment(l, s);
  co_return closed;
}

/// Waits until the file reaches `upto` and no protected block is in the way. Says whether it had to wait.
reactor::task<base::result<destager::waited>> destager::ready_to_write(log& l, segment& s, uint64_t upto) {
  if (!s.is_open()) {
    const auto opened = co_await s.open_for_write();
    if (!opened) co_return opened.failure();
    co_return waited::yes;
  }
  if (s.allocated < upto) {
    const auto grown = co_await s.allocate(upto);
    if (!grown && grown.error().code == base::errc::no_space) manager_.no_space(l);
    if (!grown) co_return grown.failure();
    co_return waited::yes;
  }
  if (!s.may_write_at_end(commits_.completed())) {
    co_await durable_moved_.wait();
    co_return waited::yes;
  }
  co_return waited::no;
}

reactor::task<base::result<void>> destager::load_indexes(segment& s) {
  const auto loaded = co_await s.load_indexes(s.indexes_from, manager_.indexes_trusted());
  // Damage in it is for its readers; what lies around goes on.
  if (!loaded && loaded.error().code == base::errc::corrupt && s.indexes_complete) co_return base::result<void>();
  co_return loaded;
}

reactor::task<base::result<void>> destager::close_segment(log& l, segment& s) {
  // From here on nobody makes its file longer.
  s.closing = true;
  while (l.preparing_) co_await write_ended_.wait();
  const auto loaded = co_await load_indexes(s);
  if (!loaded) co_return loaded;
  if (l.rescuing_) {
    // What failed may have been the sync of a cut, and a second one of the same cut would say nothing of it.
    const auto longer = co_await s.file().allocate(block_floor(s.size), 2 * block_bytes);
    if (!longer) co_return longer;
  }
  const auto closed = co_await s.close_cleanly();
  if (closed) manager_.indexes().used(s);
  if (closed && s.readers == 0) co_await s.close_file();
  co_return closed;
}

}  // namespace millrace::storage
