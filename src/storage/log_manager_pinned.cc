#include <algorithm>
#include <utility>

#include "storage/layout.hh"
#include "storage/log_manager.hh"
#include "storage/recovery.hh"

/// Removed logs of whose files something is still being sent (file_range.hh). Nobody waits for the peer but their own files:
/// an unlink of a file that is open would be paid for by who closes it, on the core.

namespace millrace::storage {

namespace {
constexpr base::duration look_interval = base::milliseconds(100);
}  // namespace

reactor::task<void> log_manager::close_unpinned(log& l) {
  for (auto& s : l.segments_) {
    if (s->readers == 0) co_await s->close_file();
  }
}

/// Takes a removed log from the others. Null where that was the end of it: none of its files is open.
log* log_manager::keep_while_pinned(log_id id) {
  std::unique_ptr<log> l = std::move(logs_.extract(id).mapped());
  const bool open = std::ranges::any_of(l->segments_, [](const auto& s) { return s->is_open() || s->splice_handle() >= 0; });
  if (!open) return nullptr;
  while (!l->tail_.empty()) l->tail_.drop_front();
  for (auto& s : l->segments_) indexes_.forget(*s);
  pinned_.push_back(std::move(l));
  return pinned_.back().get();
}

/// Each file goes when nothing of it is being sent, the last with the directory. A stop finds the rest in pinned_, and the
/// next start the directory.
reactor::task<void> log_manager::remove_pinned_log(deleted_log gone) {
  auto& segments = gone.pinned->segments_;
  const auto is_free = [](const auto& s) { return s->readers == 0; };
  while (!segments.empty()) {
    const auto at = std::ranges::find_if(segments, is_free);
    if (at == segments.end()) {
      if (scope_->closing()) co_return;
      co_await reactor::sleep(core_, look_interval);
      continue;
    }
    const std::unique_ptr<segment> s = std::move(*at);
    segments.erase(at);
    co_await s->close_file();
    if (gone.directory.empty()) continue;
    std::vector<std::string> paths = files_of(gone.directory, s->base());
    co_await remove_files(std::move(paths));
  }
  std::erase_if(pinned_, [&](const auto& l) { return l.get() == gone.pinned; });
  if (gone.directory.empty()) co_return;
  std::string data_dir = options_.data_dir;
  std::vector<std::string> directories{std::move(gone.directory)};
  co_await remove_deleted(core_, std::move(data_dir), std::move(directories), scope_.get());
}

std::vector<std::string> log_manager::files_of(const std::string& directory, base::offset segment) const {
  const std::string path = layout::log_directory(options_.data_dir, directory) + "/";
  return {path + layout::log_file(segment), path + layout::index_file(segment), path + layout::time_index_file(segment)};
}

}  // namespace millrace::storage
