#include "storage/destager.hh"

#include "storage/log_manager.hh"

namespace millrace::storage {

namespace {
constexpr uint64_t eager_bytes = 256 << 10;
constexpr unsigned eager_writes_max = 8;
constexpr unsigned pass_workers = 32;
/// Indexes of an unclean start are completed at a clean stop where no more than this is to be read for them.
constexpr uint64_t rebuilt_at_stop_max = 64u << 20;
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
  const auto opened = co_await files_.open();
  co_return opened;
}

reactor::task<void> destager::run() {
  while (!stopping_) {
    if (!pass_due()) {
      co_await wake_.wait();
      continue;
    }
    wanted_ = false;
    co_await pass();
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
  segment& s = *l.find_segment(l.durable_.segment);
  const uint64_t whole = block_floor(l.durable_.position);
  if (l.destaging_ || whole < s.issued + eager_bytes) return;
  if (!s.is_open() || s.allocated < whole) return manager_.prepare(l, s);
  if (!s.may_write_at_end(commits_.completed())) return;
  while (s.issued < whole && writer_.in_flight() < eager_writes_max) writer_.write_blocks(l, s, whole, *this);
}

void destager::segment_written(log& l, int error) {
  if (error != 0) manager_.take_offline(l, "segment write failed");
  manager_.memory_freed();
  write_ended_.wake_all();
}

// ---- a pass

struct destager::pass_state {
  std::vector<log_id> todo;
  size_t next = 0;
  unsigned running = 0;
  reactor::wait_list done;
  explicit pass_state(reactor::core& on) : done(on) {}
};

reactor::task<void> destager::pass() {
  pass_state state(core_);
  state.todo = manager_.dirty_logs(commits_.head());
  for (unsigned i = 0; i < pass_workers && i < state.todo.size(); ++i) {
    ++state.running;
    manager_.background().spawn(pass_worker(&state));
  }
  while (state.running > 0) co_await state.done.wait();
  const auto written = co_await write_checkpoint(false);
  if (!written) {
    core_.log().error("storage", "checkpoint failed", base::field("error", written.error()));
    co_await reactor::sleep(core_, base::seconds(1));
  }
}

reactor::task<void> destager::pass_worker(pass_state* state) {
  while (state->next < state->todo.size()) {
    const log_id id = state->todo[state->next++];
    log* l = manager_.find(id);
    if (l == nullptr || l->removed_ || l->offline_) continue;
    ++l->users_;
    const auto result = co_await destage(*l);
    --l->users_;
    manager_.let_go(*l);
    if (!result && result.error().code != base::errc::no_space) {
      manager_.take_offline(*l, "destaging failed");
    }
  }
  --state->running;
  state->done.wake_all();
}

/// Brings a log's segments to its staged point; then a checkpoint may name that point.
reactor::task<base::result<void>> destager::destage(log& l) {
  ASSERT(!l.destaging_);
  l.destaging_ = true;
  log_point target = l.checkpointed_;
  base::result<void> outcome;
  for (size_t i = 0; outcome && i < l.segments_.size(); ++i) {
    segment& s = *l.segments_[i];
    if (s.base() > l.staged_.segment) break;
    if (s.state != segment_state::closed) outcome = co_await destage_segment(l, s, &target);
  }
  while (outcome && l.durable_.next < target.next) {
    if (l.offline_ || l.removed_) outcome = base::fail(base::errc::storage);
    if (outcome) co_await durable_moved_.wait();
  }
  if (outcome) {
    l.checkpointed_ = target;
    l.dirty_since_ = l.dirty_next_;
  }
  l.destaging_ = false;
  co_return outcome;
}

/// Writes one segment up to where it is staged, and closes it where it is sealed and that is all of it. Where it is the
/// segment of the staged point, `target` becomes that point.
reactor::task<base::result<void>> destager::destage_segment(log& l, segment& s, log_point* target) {
  reactor::chunk padding;
  uint64_t end = 0;
  while (true) {
    if (l.offline_ || l.removed_) co_return base::fail(base::errc::storage);
    end = s.base() == l.staged_.segment ? l.staged_.position : s.size;  // each wait may let more come
    if (end <= s.tail_written) break;
    const auto room = co_await ready_to_write(l, s, block_ceil(end));
    if (!room) co_return room.failure();
    if (*room == waited::yes) continue;
    if (end % block_bytes != 0 && !padding) {
      padding = core_.memory().allocate(block_bytes);
      if (!padding) {
        manager_.make_room(block_bytes);
        co_await reactor::sleep(core_, base::milliseconds(1));
        continue;
      }
    }
    break;
  }
  // No wait from here to the marks: what is staged later begins its group with the protected block, and makes the log
  // dirty again.
  const bool final = s.state == segment_state::sealed && end == s.size;
  if (end > s.tail_written) {
    while (s.issued < block_floor(end)) writer_.write_blocks(l, s, block_floor(end), *this);
    if (end % block_bytes != 0) {
      writer_.write_tail_block(l, s, end, std::move(padding), *this);
      if (!final) s.protect_from = block_floor(end);
    }
    s.tail_written = end;
  }
  if (s.base() == l.staged_.segment) {
    *target = l.staged_;
    l.dirty_next_ = log::clean;
  }
  while (!l.offline_ && (s.written < block_floor(end) || s.tail_block_writes > 0)) co_await write_ended_.wait();
  if (l.offline_) co_return base::fail(base::errc::storage);
  if (!final) co_return base::result<void>();
  const auto closed = co_await close_segment(s);
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

reactor::task<base::result<void>> destager::close_segment(segment& s) {
  if (!s.indexes_complete) {
    const auto loaded = co_await s.load_indexes(s.indexes_from, manager_.indexes_trusted());
    if (!loaded) co_return loaded;
  }
  const auto closed = co_await s.close_cleanly();
  if (closed && s.readers == 0) co_await s.close_file();
  co_return closed;
}

// ---- checkpoints and the clean stop

reactor::task<base::result<void>> destager::write_checkpoint(bool clean) {
  while (writing_) co_await checkpoint_free_.wait();
  writing_ = true;
  const commit_log::redo_point redo = commits_.redo_from(manager_.oldest_dirty(commits_.head()));
  checkpoint c{.number = ++number_,
               .start_number = start_number_,
               .core = core_.id().value(),
               .clean = clean,
               .commit_log = commits_.id(),
               .next_record = redo.number,
               .next_position = redo.file_position,
               .previous_digest = redo.previous_digest,
               .logs = manager_.states()};
  std::vector<uint8_t> encoded = encode_checkpoint(c);
  const auto written = co_await files_.write(std::move(encoded));
  writing_ = false;
  checkpoint_free_.wake_one();
  if (!written) co_return written;
  commits_.release(redo);
  manager_.note_checkpoint();
  manager_.memory_freed();
  co_return written;
}

reactor::task<base::result<void>> destager::park_all() {
  for (const log_id& id : manager_.all_logs()) {
    log* l = manager_.find(id);
    if (l == nullptr || l->offline_) continue;
    const auto parked = co_await park(*l);
    if (!parked) co_return parked;
  }
  co_return base::result<void>();
}

/// Leaves a log as Kafka's tools expect it: everything in its files, the last one cut to its last batch, with indexes.
reactor::task<base::result<void>> destager::park(log& l) {
  segment& s = l.active();
  if (!l.touched_ && s.allocated <= block_ceil(s.size)) co_return base::result<void>();
  const auto destaged = co_await destage(l);
  if (!destaged) co_return destaged;
  if (s.size == 0 && !s.is_open()) co_return base::result<void>();
  if (!s.indexes_complete && s.indexes_from > rebuilt_at_stop_max) {
    // Reading so much would make the stop wait: the next start finds no index files and rebuilds them when asked.
    const auto cut = co_await s.cut();
    co_return cut;
  }
  if (!s.indexes_complete) {
    const auto loaded = co_await s.load_indexes(s.indexes_from, manager_.indexes_trusted());
    if (!loaded) co_return loaded;
  }
  const auto parked = co_await s.park();
  l.touched_ = false;
  co_return parked;
}

reactor::task<void> destager::close() { co_await files_.close(); }

}  // namespace millrace::storage
