#include "broker/partition/retention_keeper.hh"

#include <algorithm>
#include <utility>

#include "broker/partition/broker_core.hh"

namespace millrace::broker {

namespace {
/// A look takes a microsecond or so where nothing has to be read.
constexpr size_t looks_a_turn = 64;
/// Log starts that one checkpoint raises: it names all logs of the core, however many rise.
constexpr size_t raised_together_most = 4096;
/// What is due after a start should not wait a whole interval; Kafka waits as long.
constexpr base::duration first_look_most = base::seconds(30);
}  // namespace

retention_keeper::retention_keeper(broker_core& of, retention_options options)
    : of_(of), alarm_(of.on(), options.check_interval) {}

void retention_keeper::start() {
  alarm_.set(std::min(alarm_.interval(), first_look_most));
  of_.background().spawn(run(), "retention");
}

void retention_keeper::stop() noexcept { alarm_.stop(); }

reactor::task<void> retention_keeper::run() {
  while (!alarm_.stopped()) {
    co_await alarm_.wait();
    if (alarm_.stopped()) break;
    co_await look_at_all();
    alarm_.set();
  }
}

reactor::task<void> retention_keeper::look_at_all() {
  std::vector<storage::new_log_start> due;
  std::vector<storage::log_id> ids = of_.logs().logs_after({}, looks_a_turn);
  while (!ids.empty() && !alarm_.stopped()) {
    for (const storage::log_id& id : ids) {
      if (alarm_.stopped()) co_return;
      const auto start = co_await of_.logs().retention().look(id);
      const storage::log* l = of_.logs().find(id);
      if (start && l != nullptr && *start > l->log_start()) due.push_back({id, *start});
    }
    if (due.size() >= raised_together_most) co_await raise(std::exchange(due, {}));
    co_await reactor::next_turn(of_.on());
    ids = of_.logs().logs_after(ids.back(), looks_a_turn);
  }
  co_await raise(std::move(due));
}

/// What fails is looked at again the next time. One line for all of them: there may be thousands.
reactor::task<void> retention_keeper::raise(std::vector<storage::new_log_start> due) {
  if (due.empty() || alarm_.stopped()) co_return;
  const size_t logs = due.size();
  const std::vector<base::result<void>> outcomes = co_await of_.raise_log_starts(std::move(due));
  const auto failed = std::ranges::find_if(outcomes, [](const base::result<void>& o) { return !o; });
  if (failed == outcomes.end()) {
    of_.on().log().info("broker", "old segments are let go", base::field("logs", logs));
  } else if (!alarm_.stopped()) {
    of_.on().log().warn("broker", "old segments are not let go everywhere", base::field("logs", logs),
                        base::field("error", failed->error()));
  }
}

}  // namespace millrace::broker
