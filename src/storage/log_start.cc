#include <algorithm>
#include <utility>

#include "base/mutant.hh"
#include "storage/log_manager.hh"

/// How a log start rises: it is staged, a checkpoint says it, it is shown, and then what lies below leaves. In that order,
/// so that nobody was told of a start that a crash takes back, and no file is missed that a recovery asks for.

namespace millrace::storage {

namespace {
/// Between two looks for segments that could not leave: who reads them tells nobody when that ends.
constexpr base::duration trim_retry_interval = base::seconds(1);
}  // namespace

reactor::task<std::vector<base::result<void>>> log_manager::raise_log_starts(std::vector<new_log_start> wanted) {
  std::vector<base::result<void>> outcomes(wanted.size());
  bool any = false;
  for (size_t i = 0; i < wanted.size(); ++i) {
    log* l = find(wanted[i].id);
    const base::offset start = wanted[i].start;
    if (l == nullptr || l->removed_ || stopping_) {
      outcomes[i] = base::fail(base::errc::closed);
    } else if (start > l->acknowledged()) {
      outcomes[i] = base::fail(base::errc::out_of_range);
    } else if (start > l->log_start_) {
      if (l->stage_log_start(start)) starts_staged_.push_back(wanted[i].id);
      if (base::mutated(base::mutant::file_leaves_before_log_start)) leave_front(*l, start);
      any = true;
    }
  }
  if (!any) co_return std::move(outcomes);
  // One that is being written and says less does not count: the next one is waited for.
  const auto written = co_await destager_.write_checkpoint(false);
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!outcomes[i]) continue;
    const log* l = find(wanted[i].id);
    if (l == nullptr || l->removed_) {
      outcomes[i] = base::fail(base::errc::closed);
    } else if (l->log_start_ < wanted[i].start) {
      ASSERT(!written);
      outcomes[i] = written;
    }
  }
  co_return std::move(outcomes);
}

reactor::task<base::result<void>> log_manager::advance_log_start(log_id id, base::offset start) {
  std::vector<new_log_start> one{{id, start}};
  const std::vector<base::result<void>> outcomes = co_await raise_log_starts(std::move(one));
  co_return outcomes[0];
}

/// What the checkpoint that is about to be written says of starts that are not shown yet.
void log_manager::note_log_starts() {
  starts_written_.clear();
  for (const log_id& id : starts_staged_) {
    if (const log* l = find(id)) starts_written_.emplace_back(id, l->log_start_staged_);
  }
}

void log_manager::show_log_starts() {
  for (const auto& [id, start] : starts_written_) {
    if (log* l = find(id)) leave_front(*l, start);
  }
  starts_written_.clear();
  std::erase_if(starts_staged_, [&](const log_id& id) {
    const log* l = find(id);
    return l == nullptr || l->log_start_ == l->log_start_staged_;
  });
}

/// A log starts here from now on: what lies below may leave.
void log_manager::leave_front(log& l, base::offset start) {
  l.raise_log_start(start);
  trim(l);
}

void log_manager::trim(log& l) {
  if (!l.front_is_left()) return;
  fronts_.insert(l.id());
  if (trimming_ || stopping_ || scope_->closing()) return;
  trimming_ = true;
  scope_->spawn(trim_fronts_task(), "segments below log start");
}

/// One file after the other: nobody waits for them.
reactor::task<void> log_manager::trim_fronts_task() {
  while (!stopping_ && !fronts_.empty()) {
    const std::vector<log_id> ids(fronts_.begin(), fronts_.end());
    bool any_left = false;
    for (const log_id& id : ids) {
      if (stopping_) break;
      co_await trim_front(id);
      const log* l = find(id);
      const bool left = l != nullptr && !l->removed_ && l->front_is_left();
      if (!left) fronts_.erase(id);
      any_left = any_left || left;
    }
    if (!any_left || stopping_) continue;
    core_.timers().arm(trim_bell_, core_.now() + trim_retry_interval);
    co_await front_freed_.wait();
    core_.timers().disarm(trim_bell_);
  }
  trimming_ = false;
}

}  // namespace millrace::storage
