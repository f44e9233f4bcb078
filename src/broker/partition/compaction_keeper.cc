#include "broker/partition/compaction_keeper.hh"

#include <algorithm>

#include "broker/partition/broker_core.hh"

namespace millrace::broker {

namespace {
/// A look takes a microsecond or so where nothing has to be read.
constexpr size_t looks_a_turn = 64;
}  // namespace

compaction_keeper::compaction_keeper(broker_core& of, compaction_keeper_options options)
    : of_(of), alarm_(of.on(), options.interval) {}

void compaction_keeper::start() {
  alarm_.set();
  of_.background().spawn(run(), "compaction");
}

void compaction_keeper::stop() noexcept {
  of_.logs().compaction().stop();
  alarm_.stop();
}

reactor::task<void> compaction_keeper::run() {
  while (!alarm_.stopped()) {
    co_await alarm_.wait();
    if (alarm_.stopped()) break;
    const std::vector<dirty_log> dirty = co_await dirty_logs();
    for (const dirty_log& one : dirty) {
      if (alarm_.stopped()) break;
      co_await compact(one.id);
    }
    alarm_.set();
  }
}

/// Those to go over, in order.
reactor::task<std::vector<compaction_keeper::dirty_log>> compaction_keeper::dirty_logs() {
  std::vector<dirty_log> dirty;
  std::vector<storage::log_id> ids = of_.logs().logs_after({}, looks_a_turn);
  while (!ids.empty() && !alarm_.stopped()) {
    for (const storage::log_id& id : ids) {
      const storage::log* l = of_.logs().find(id);
      if (l == nullptr || !l->config().compact) continue;
      if (alarm_.stopped()) break;
      const double enough = l->config().min_cleanable_dirty_ratio;
      const auto seen = co_await of_.logs().compaction().look(id);
      if (!seen || !*seen) continue;  // what fails is said, and looked at again the next time
      if ((*seen)->overdue || (*seen)->dirty_ratio >= enough) dirty.push_back({id, **seen});
    }
    co_await reactor::next_turn(of_.on());
    ids = of_.logs().logs_after(ids.back(), looks_a_turn);
  }
  std::ranges::stable_sort(dirty, [](const dirty_log& a, const dirty_log& b) {
    if (a.seen.overdue != b.seen.overdue) return a.seen.overdue;
    return a.seen.dirty_ratio > b.seen.dirty_ratio;
  });
  co_return dirty;
}

/// What producers' sequences are known from may leave: it is kept first.
reactor::task<void> compaction_keeper::compact(storage::log_id id) {
  const storage::log* l = of_.logs().find(id);
  if (l == nullptr) co_return;
  const std::string directory = l->directory();
  const base::offset end = l->durable();
  const auto kept = co_await of_.producers().keep_below(id, end);
  base::result<storage::compaction_outcome> done = base::fail(base::errc::closed);
  if (kept) {
    const auto outcome = co_await of_.logs().compaction().run(id);
    done = outcome;
  } else {
    done = kept.failure();
  }
  if (alarm_.stopped()) co_return;
  if (!done) {
    if (done.error().code == base::errc::closed) co_return;  // the log went away, or changed under the pass
    of_.on().log().warn("broker", "log not compacted", base::field("log", directory), base::field("error", done.error()));
    co_return;
  }
  of_.on().log().info("broker", "log compacted", base::field("log", directory),
                      base::field("bytes_before", done->bytes_before), base::field("bytes_after", done->bytes_after),
                      base::field("clean_to", done->clean_to));
}

}  // namespace millrace::broker
