#include "storage/redo.hh"

#include <algorithm>

#include "base/crc32c.hh"
#include "base/mutant.hh"
#include "reactor/scope.hh"
#include "storage/layout.hh"

namespace millrace::storage {

using base::field;
using base::result;
using reactor::task;

namespace {

/// Logs written at a time: each write waits for the device.
constexpr unsigned workers = 32;

/// Ends the tasks of a scope where a crash of the world destroys the frame that waits for them.
struct abandoned_with_frame {
  reactor::scope& tasks;
  ~abandoned_with_frame() { tasks.abandon(); }
};

}  // namespace

redo::redo(reactor::core& on, std::string data_dir, survey& found, size_t memory_max)
    : core_(on), data_dir_(std::move(data_dir)), memory_max_(std::min(memory_max, on.memory().capacity() / 4)) {
  for (auto& [id, log] : found.logs) {
    std::string directory = layout::log_directory(data_dir_, log.state.directory);
    logs_[id] = std::make_unique<redo_log>(on, std::move(directory), std::move(log));
  }
  todo_ = logs_.end();
}

task<result<void>> redo::run(checkpoint from) {
  std::string path = layout::commit_file(data_dir_, from.core);
  std::string name = path;
  commit_reader chain(core_, std::move(path));
  result<void> opened = co_await chain.open(from.commit_log, from.next_record, from.next_position, from.previous_digest);
  result<void> outcome = opened;
  if (outcome) {
    const uint32_t core = from.core;
    result<void> followed = co_await follow(chain, core);
    outcome = followed;
  }
  co_await chain.close();
  if (!outcome) {
    core_.log().error("storage", "commit log cannot be redone", field("path", name), field("error", outcome.error()));
  }
  co_return outcome;
}

task<result<void>> redo::follow(commit_reader& chain, uint32_t core) {
  while (true) {
    const result<bool> more = co_await chain.next();
    if (!more) co_return more.failure();
    if (!*more) break;
    const result<void> judged = co_await judge(chain, core);
    if (!judged) co_return judged;
    if (std::find(verdicts_.begin(), verdicts_.end(), verdict::bad) != verdicts_.end()) {
      const result<bool> durable = co_await chain.is_called_durable();
      if (!durable) co_return durable.failure();
      if (!*durable) {
        // Never acknowledged: this group and all behind it did not happen.
        ++cut_groups_;
        break;
      }
    }
    const result<void> applied = co_await apply(chain);
    if (!applied) co_return applied;
    ++records_;
  }
  cut_groups_ += chain.seen_behind();
  co_return result<void>();
}

redo_log* redo::log_of(const record_entry& e, uint32_t core) {
  const auto found = logs_.find(e.id);
  if (found == logs_.end()) return nullptr;  // deleted since
  redo_log& log = *found->second;
  // Another core's newer checkpoint has taken it over. One that no core's checkpoint names was made after them.
  if (log.core() && *log.core() != core) return nullptr;
  return &log;
}

task<result<void>> redo::judge(commit_reader& chain, uint32_t core) {
  verdicts_.clear();
  for (size_t i = 0; i < chain.record().entries.size(); ++i) {
    const record_entry e = chain.record().entries[i];
    redo_log* log = log_of(e, core);
    if (log == nullptr || !log->concerns(e)) {
      verdicts_.push_back(verdict::not_ours);
      continue;
    }
    bool good = base::crc32c(0, chain.inline_bytes(i)) == e.inline_crc;
    // What lies below the log's position is in the segment already, by a checkpoint's word.
    const bool has_direct = e.direct_end > e.begin;
    const bool known = e.segment == log->state().end.segment && e.direct_end <= log->state().end.position;
    if (good && has_direct && !known) {
      const result<bool> matches = co_await log->direct_bytes_match(e);
      if (!matches) co_return matches.failure();
      good = *matches;
    }
    if (base::mutated(base::mutant::skip_digest_check)) good = true;
    verdicts_.push_back(good ? verdict::good : verdict::bad);
  }
  co_return result<void>();
}

task<result<void>> redo::apply(commit_reader& chain) {
  for (size_t i = 0; i < chain.record().entries.size(); ++i) {
    if (verdicts_[i] == verdict::not_ours) continue;
    const record_entry e = chain.record().entries[i];
    redo_log& log = *logs_.find(e.id)->second;
    const size_t held_before = log.held();
    const base::bytes inline_bytes = chain.inline_bytes(i);
    const bool damaged = verdicts_[i] == verdict::bad;
    const result<void> applied = co_await log.apply(e, inline_bytes, damaged);
    if (!applied) co_return applied;
    held_ += log.held() - held_before;
    if (held_ <= memory_max_) continue;
    const result<void> spilt = co_await each(step::spill);
    if (!spilt) co_return spilt;
    held_ = 0;
  }
  co_return result<void>();
}

task<result<void>> redo::finish() {
  const result<void> finished = co_await each(step::finish);
  co_return finished;
}

task<result<void>> redo::each(step what) {
  todo_ = logs_.begin();
  outcome_ = {};
  reactor::scope tasks(core_);
  const abandoned_with_frame crash{tasks};
  for (unsigned i = 0; i < workers && i < logs_.size(); ++i) tasks.spawn(work(what));
  co_await tasks.close();
  co_return outcome_;
}

task<void> redo::work(step what) {
  while (todo_ != logs_.end() && outcome_) {
    redo_log& log = *(todo_++)->second;
    result<void> done;
    if (what == step::spill) {
      result<void> spilt = co_await log.spill();
      done = spilt;
    } else {
      result<void> finished = co_await log.finish();
      done = finished;
    }
    if (!done && outcome_) outcome_ = done;
  }
}

std::vector<log_state> redo::states() const {
  std::vector<log_state> all;
  all.reserve(logs_.size());
  for (const auto& [id, log] : logs_) all.push_back(log->state());
  return all;
}

uint64_t redo::bytes() const {
  uint64_t sum = 0;
  for (const auto& [id, log] : logs_) sum += log->bytes_redone();
  return sum;
}

}  // namespace millrace::storage
