#include <algorithm>
#include <utility>

#include "storage/log_manager.hh"
#include "storage/read_ahead.hh"
#include "storage/segment_swap.hh"

/// What compaction changes of a core's logs: which segments they have.

namespace millrace::storage {

namespace {
constexpr base::duration look_interval = base::milliseconds(100);
constexpr base::duration destage_look_interval = base::milliseconds(10);
constexpr base::duration destage_at_most = base::seconds(30);
}  // namespace

reactor::task<base::result<void>> log_manager::bring_into_segments(log_id id, base::offset upto) {
  const base::instant limit = core_.now() + destage_at_most;
  while (true) {
    log* l = find(id);
    if (l == nullptr || l->removed_ || l->offline_ || stopping_ || compaction_.stopped()) {
      co_return base::fail(base::errc::closed);
    }
    l->step_over_closed();
    if (l->checkpointed_.segment >= upto) break;
    if (core_.now() > limit) co_return base::fail(base::errc::busy);
    destager_.wake();
    co_await reactor::sleep(core_, destage_look_interval);
  }
  const auto written = co_await destager_.write_checkpoint(false);
  co_return written;
}

/// Before the logs are taken over: what a crash left of compactions.
reactor::task<base::result<void>> log_manager::tidy_compactions(const std::vector<taken>* logs) {
  for (const taken& one : *logs) {
    std::string path = options_.data_dir + "/" + one.state.directory;
    const auto files = core_.effects().list(path);
    if (!files) co_return files.failure();
    if (std::ranges::none_of(*files, [](const auto& f) { return is_of_compaction(f.name); })) continue;
    const auto tidied = co_await tidy_compaction(core_, std::move(path));
    if (!tidied) co_return tidied;
  }
  co_return base::result<void>();
}

/// Nothing that was remembered of a place in the old segments holds in the new one.
void log_manager::replace_segments(log& l, base::offset begin, base::offset next, std::unique_ptr<segment> made) {
  while (!l.tail_.empty() && l.tail_.front().segment < next) l.tail_.drop_front();
  reader_.forget(l.id());
  l.step_over_replaced(begin, next);  // it was rolled, and nothing was appended since
  auto at = std::ranges::find_if(l.segments_, [&](const auto& s) { return s->base() == begin; });
  auto last = std::find_if(at, l.segments_.end(), [&](const auto& s) { return s->base() >= next; });
  ASSERT(at != l.segments_.end() && last != l.segments_.end());
  for (auto old = at; old != last; ++old) {
    indexes_.forget(**old);
    replaced_.push_back(std::move(*old));
  }
  indexes_.used(*made);
  *at = std::move(made);
  l.segments_.erase(at + 1, last);
  trim(l);  // its log start may lie behind the new one by now
  if (closing_replaced_ || stopping_ || scope_->closing()) return;
  closing_replaced_ = true;
  scope_->spawn(close_replaced_task(), "segments that were compacted");
}

/// Each is closed when nobody reads it any more, and nothing of it is being sent. A stop closes the rest.
reactor::task<void> log_manager::close_replaced_task() {
  while (!stopping_ && !scope_->closing() && !replaced_.empty()) {
    const auto free = std::ranges::find_if(replaced_, [](const auto& s) { return s->readers == 0; });
    if (free == replaced_.end()) {
      co_await reactor::sleep(core_, look_interval);
      continue;
    }
    const std::unique_ptr<segment> gone = std::move(*free);
    replaced_.erase(free);
    co_await gone->close_file();
  }
  closing_replaced_ = false;
}

}  // namespace millrace::storage
