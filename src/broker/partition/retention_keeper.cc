#include "broker/partition/retention_keeper.hh"

#include <utility>

#include "broker/partition/broker_core.hh"

namespace millrace::broker {

namespace {
/// A look takes a microsecond or so where nothing has to be read.
constexpr size_t looks_a_turn = 64;
/// Log starts that one checkpoint raises: it names all logs of the core, however many rise.
constexpr size_t raised_together_most = 4096;
}  // namespace

retention_keeper::retention_keeper(broker_core& of, retention_options options)
    : of_(of), interval_(options.check_interval), bell_(*this), due_(of.on()) {}

void retention_keeper::start() {
  of_.on().timers().arm(bell_, of_.on().now() + interval_);
  of_.background().spawn(run(), "retention");
}

void retention_keeper::stop() noexcept {
  stopping_ = true;
  of_.on().timers().disarm(bell_);
  due_.wake_all();
}

reactor::task<void> retention_keeper::run() {
  while (!stopping_) {
    co_await due_.wait();
    if (stopping_) break;
    co_await look_at_all();
    if (!stopping_) of_.on().timers().arm(bell_, of_.on().now() + interval_);
  }
}

reactor::task<void> retention_keeper::look_at_all() {
  std::vector<storage::new_log_start> due;
  std::vector<storage::log_id> ids = of_.logs().logs_after({}, looks_a_turn);
  while (!ids.empty() && !stopping_) {
    for (const storage::log_id& id : ids) {
      if (stopping_) co_return;
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

/// What fails is looked at again the next time.
reactor::task<void> retention_keeper::raise(std::vector<storage::new_log_start> due) {
  if (due.empty() || stopping_) co_return;
  std::vector<storage::new_log_start> wanted = due;
  const std::vector<base::result<void>> outcomes = co_await of_.raise_log_starts(std::move(wanted));
  for (size_t i = 0; i < due.size(); ++i) {
    const storage::log* l = of_.logs().find(due[i].id);
    if (l == nullptr) continue;
    if (outcomes[i]) {
      of_.on().log().info("broker", "old segments are let go", base::field("log", l->directory()),
                          base::field("log_start", due[i].start));
    } else if (!stopping_) {
      of_.on().log().warn("broker", "old segments are not let go", base::field("log", l->directory()),
                          base::field("error", outcomes[i].error()));
    }
  }
}

}  // namespace millrace::broker
