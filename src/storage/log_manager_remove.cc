#include <algorithm>
#include <iterator>
#include <utility>

#include "storage/layout.hh"
#include "storage/log_manager.hh"
#include "storage/recovery.hh"

/// What leaves: logs, and the front of a log. Files go only when a durable checkpoint no longer needs them.

namespace millrace::storage {

namespace {
constexpr base::duration removal_retry_interval = base::seconds(1);
/// Segments of a log whose names are synced together.
constexpr size_t leave_together_max = 16;
}  // namespace

// ---- whole logs

reactor::task<base::result<void>> log_manager::remove(std::vector<log_id> ids) {
  for (const log_id& id : ids) {
    log* l = find(id);
    if (l == nullptr || l->removed_) continue;
    l->removed_ = true;
    commits_.forget(*l);
  }
  room_.wake_all();
  destager_.log_ended();
  const auto outcome = co_await remove_marked(std::move(ids));
  if (!outcome && !retrying_removals_ && !stopping_) {
    retrying_removals_ = true;
    scope_->spawn(retry_removals_task());
  }
  co_return outcome;
}

/// A log that is to go is destaged no more, so that it holds the commit log's space until it is gone: whoever asked for it
/// may have given up.
reactor::task<void> log_manager::retry_removals_task() {
  std::vector<log_id> left;
  do {
    co_await reactor::sleep(core_, removal_retry_interval);
    if (stopping_) break;
    left = removed_logs();
    std::vector<log_id> ids = left;
    const auto removed = co_await remove_marked(std::move(ids));
    if (!removed) {
      core_.log().warn("storage", "logs not removed yet", base::field("logs", left.size()),
                       base::field("error", removed.error()));
    }
    left = removed_logs();
  } while (!left.empty());
  retrying_removals_ = false;
}

std::vector<log_id> log_manager::removed_logs() const {
  std::vector<log_id> ids;
  for (const auto& [id, l] : logs_) {
    if (l->removed_) ids.push_back(id);
  }
  return ids;
}

/// Those of `ids` that nobody else removes right now are removed; then it is waited for the others, and what is still there
/// is tried in turn.
reactor::task<base::result<void>> log_manager::remove_marked(std::vector<log_id> ids) {
  base::result<void> outcome;
  while (true) {
    std::vector<log_id> mine;
    std::vector<log_id> others;
    for (const log_id& id : ids) {
      log* l = find(id);
      if (l == nullptr) continue;
      (l->removing_ ? others : mine).push_back(id);
      if (!l->removing_) l->removing_ = true;
    }
    if (!mine.empty()) {
      const auto removed = co_await remove_together(std::move(mine));
      if (outcome) outcome = removed;
    }
    if (others.empty()) co_return outcome;
    co_await reactor::sleep(core_, base::milliseconds(1));
    ids = std::move(others);
  }
}

/// Renames directories away, once nobody uses their logs, and makes that durable: logs of which all of this succeeded are
/// gone.
reactor::task<base::result<void>> log_manager::remove_together(std::vector<log_id> ids) {
  std::vector<deleted_log> directories;
  std::vector<log_id> renamed;
  base::result<void> outcome;
  for (const log_id& id : ids) {
    const auto one = co_await rename_away(id, &directories);
    if (one) renamed.push_back(id);
    if (!one && outcome) outcome = one;
  }
  const auto synced = co_await reactor::sync_directory(core_, options_.data_dir);
  if (!synced && outcome) outcome = synced;
  for (const log_id& id : ids) find(id)->removing_ = false;
  // Checkpoints name the logs until their directories are durably out of the way.
  if (!synced) co_return outcome;
  for (const log_id& id : renamed) {
    log* const pinned = keep_while_pinned(id);
    if (pinned == nullptr) continue;
    const auto of = std::ranges::find(directories, id, &deleted_log::id);
    if (of != directories.end()) of->pinned = pinned;
    deleted_log nameless{.id = id, .pinned = pinned};
    if (of == directories.end()) scope_->spawn(remove_pinned_log(std::move(nameless)));
  }
  if (!directories.empty()) scope_->spawn(remove_deleted_logs(std::move(directories)));
  co_return outcome;
}

reactor::task<base::result<void>> log_manager::rename_away(log_id id, std::vector<deleted_log>* directories) {
  log* l = find(id);
  co_await all_let_go(*l);
  co_await close_unpinned(*l);
  const std::string from = path_of(*l);
  const std::string name = layout::deleted_directory(l->directory(), core_.random().next());
  const std::string to = options_.data_dir + "/" + name;
  const auto renamed = co_await reactor::rename(core_, from, to);
  // Renamed by an earlier try that failed behind it: the next start finds what it is called.
  if (!renamed && renamed.error().code == base::errc::not_found) co_return base::result<void>();
  if (!renamed) co_return renamed;
  deleted_log gone{.id = id, .directory = name};
  for (const auto& s : l->segments_) {
    if (s->spliced) gone.spliced.push_back(layout::log_file(s->base()));
  }
  directories->push_back(std::move(gone));
  co_return renamed;
}

/// The files go when a checkpoint without the logs is durable: until then the directory is the trace of the deletion.
reactor::task<void> log_manager::remove_deleted_logs(std::vector<deleted_log> logs) {
  const auto written = co_await destager_.write_checkpoint(false);
  std::vector<std::string> directories;
  for (deleted_log& one : logs) {
    if (!written) one.directory.clear();  // they are removed at the next start
    std::string path = layout::log_directory(options_.data_dir, one.directory);
    if (written) co_await recycle_segments(std::move(path), &one.spliced);
    if (one.pinned == nullptr) directories.push_back(one.directory);
    if (one.pinned != nullptr) scope_->spawn(remove_pinned_log(std::move(one)));
  }
  if (!written) co_return;
  std::string data_dir = options_.data_dir;
  co_await remove_deleted(core_, std::move(data_dir), std::move(directories), scope_.get());
}

/// What the pool wants of a deleted log, and may have.
reactor::task<void> log_manager::recycle_segments(std::string directory, const std::vector<std::string>* spliced) {
  const auto entries = core_.effects().list(directory);
  if (!entries) co_return;  // remove_deleted says why
  std::vector<segment_pool::pooled_file> files;
  for (const reactor::directory_entry& e : *entries) {
    if (!layout::parse_log_file(e.name)) continue;
    if (std::ranges::find(*spliced, e.name) == spliced->end()) files.push_back({directory + "/" + e.name, e.size});
  }
  // What stays goes with the directory.
  (void)co_await pool_.put(std::move(files), std::move(directory));
}

// ---- the front of a log, below its start

/// Those that are written, not durable, or being read, stay for the next time.
reactor::task<void> log_manager::trim_front(log_id id) {
  log* l = find(id);
  if (l == nullptr || l->removed_) co_return;
  ++l->users_;
  while (!l->removed_ && l->front_may_leave()) {
    std::vector<std::unique_ptr<segment>> gone;
    while (gone.size() < leave_together_max && l->front_may_leave()) gone.push_back(take_front(*l));
    std::vector<std::string> paths;
    std::vector<segment_pool::pooled_file> whole;
    for (const auto& s : gone) {
      co_await s->close_file();
      paths.push_back(s->index_path());
      paths.push_back(s->time_index_path());
      // Only what was cut to its bytes has the size that it says; a log that waits for space is not helped by the pool.
      const bool recycles =
          s->state == segment_state::closed && !s->spliced && logs_without_space_ == 0 && !no_checkpoint_space_;
      if (recycles) whole.push_back({s->log_path(), s->size});
      if (!recycles) paths.push_back(s->log_path());
    }
    std::string directory = path_of(*l);
    std::vector<std::string> left = co_await pool_.put(std::move(whole), std::move(directory));
    std::ranges::move(left, std::back_inserter(paths));
    co_await remove_files(std::move(paths));
  }
  --l->users_;
}

std::unique_ptr<segment> log_manager::take_front(log& l) {
  l.step_over_front();
  std::unique_ptr<segment> gone = std::move(l.segments_.front());
  l.segments_.pop_front();
  ++counters_.segments_trimmed;
  indexes_.forget(*gone);  // it may outlive the manager, with the frame of who took it
  while (!l.tail_.empty() && l.tail_.front().segment == gone->base()) l.tail_.drop_front();
  return gone;
}

/// Files that a crash kept from leaving with their segments.
reactor::task<void> log_manager::remove_stale_segments() {
  std::vector<std::string> paths = std::exchange(stale_, {});
  co_await remove_files(std::move(paths));
}

reactor::task<void> log_manager::remove_files(std::vector<std::string> paths) {
  for (const std::string& path : paths) {
    const auto removed = co_await reactor::remove(core_, path);
    if (!removed && removed.error().code != base::errc::not_found) {
      core_.log().warn("storage", "file not removed", base::field("path", path), base::field("error", removed.error()));
    }
  }
}

}  // namespace millrace::storage
