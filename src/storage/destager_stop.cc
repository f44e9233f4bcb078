#include "storage/destager.hh"

#include "storage/log_manager.hh"

/// What a destager leaves on disk: checkpoints, and logs as a clean stop wants them.

namespace millrace::storage {

namespace {
/// Indexes of an unclean start are completed at a clean stop where no more than this is to be read for them.
constexpr uint64_t rebuilt_at_stop_max = 64u << 20;

/// Ends the tasks of a scope where a crash of the world destroys the frame that waits for them.
struct abandoned_with_frame {
  reactor::scope& tasks;
  ~abandoned_with_frame() { tasks.abandon(); }
};
}  // namespace

reactor::task<base::result<void>> destager::write_checkpoint(bool clean) {
  const uint64_t begun = number_;
  while (writing_) {
    co_await checkpoint_free_.wait();
    if (!clean && written_ > begun) co_return base::result<void>();
  }
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
  if (written) written_ = c.number;
  checkpoint_free_.wake_all();
  if (!written) co_return written;
  manager_.checkpoint_without_space(false);
  commits_.release(redo);
  manager_.note_checkpoint();
  manager_.memory_freed();
  co_return written;
}

reactor::task<base::result<void>> destager::park_all() {
  pass_state state(core_);
  state.todo = manager_.all_logs();
  reactor::scope tasks(core_);
  const abandoned_with_frame crash{tasks};
  for (unsigned i = 0; i < pass_workers && i < state.todo.size(); ++i) tasks.spawn(park_worker(&state));
  co_await tasks.close();
  co_return state.outcome;
}

reactor::task<void> destager::park_worker(pass_state* state) {
  while (state->outcome && state->next < state->todo.size()) {
    log* l = manager_.find(state->todo[state->next++]);
    if (l == nullptr || l->offline_ || l->removed_) continue;
    const auto parked = co_await park(*l);
    if (!parked && state->outcome) state->outcome = parked;
  }
}

/// Leaves a log as Kafka's tools expect it: everything in its files, the last one cut to its last batch, with indexes.
reactor::task<base::result<void>> destager::park(log& l) {
  segment& s = l.active();
  if (!l.touched_) co_return base::result<void>();
  const auto destaged = co_await destage(l);
  if (!destaged) co_return destaged;
  if (s.size == 0 && !s.is_open()) co_return base::result<void>();
  if (!s.indexes_complete && !manager_.indexes_trusted() && s.indexes_from > rebuilt_at_stop_max) {
    // Reading so much would make the stop wait: the next start finds no index files and rebuilds them when asked.
    const auto cut = co_await s.cut();
    co_return cut;
  }
  const auto loaded = co_await load_indexes(s);
  if (!loaded && loaded.error().code == base::errc::no_memory) {
    // Other logs are being parked beside this one: that there is no memory to rebuild its indexes does not fail the stop.
    const auto cut = co_await s.cut();
    co_return cut;
  }
  if (!loaded) co_return loaded;
  const auto parked = co_await s.park();
  l.touched_ = false;
  // A stop needs no more descriptors than the work before it: one for each worker.
  if (s.readers == 0) co_await s.close_file();
  co_return parked;
}

reactor::task<void> destager::close() { co_await files_.close(); }

}  // namespace millrace::storage
