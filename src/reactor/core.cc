#include "reactor/core.hh"

#include <algorithm>

#include "base/assert.hh"

namespace millrace::reactor {

namespace {

/// A turn that ran for so long, by its last look at the clock, ends: what it did goes to disk and network, however much is
/// ready still.
constexpr base::duration run_max = base::milliseconds(2);
/// Items of a turn at most, for such as are too quick to fill the time: two tasks that wake each other.
constexpr size_t items_max = 16384;
/// Bytes touched at a time when the core has been idle for so long: one huge page, about 0.1 ms.
constexpr size_t touch_step = size_t{2} << 20;
constexpr base::duration idle_before_touch = base::milliseconds(1);

}  // namespace

core::core(core_options options, backend& effects, reactor::memory& memory, base::logger& log)
    : options_(options),
      backend_(effects),
      memory_(memory),
      log_(log),
      timers_(effects.clock()),
      random_(effects.entropy()),
      now_(effects.clock()),
      wall_(effects.wall_clock()),
      watch_(effects) {}

core::~core() { abandon(); }

void core::submit(op& o) {
  ASSERT(!o.in_flight && !o.linked());
  backend_.submit(o);
}

void core::post(base::core_id target, mail& m) {
  if (target == options_.id) {
    ready_.push_back(m);
    return;
  }
  ++counters_.mail_posted;
  backend_.post(target, m);
}

void core::turn(base::duration max_wait) {
  now_ = backend_.clock();
  wall_ = backend_.wall_clock();
  ++counters_.turns;
  watch_.begin(now_);
  timers_.advance(now_, ready_);
  ready_.splice_back(next_turn_);
  run_ready();
  run_turn_ends();
  end_turn(max_wait);
  note_turn_length(backend_.poll_worked());
}

/// Polls, and waits there where nothing is ready and the turn was short.
void core::end_turn(base::duration max_wait) {
  if (has_ready() || stopping_ || watch_.ran() > long_work) {
    backend_.poll(ready_, now_);
    return;
  }
  const base::instant deadline = timers_.next_deadline();
  const base::instant bound = max_wait.ns > INT64_MAX - now_.ns ? base::instant::never() : now_ + max_wait;
  const base::instant until = deadline < bound ? deadline : bound;
  const base::instant idle = now_ + idle_before_touch;
  if (!options_.touch_when_idle || until <= idle) {
    backend_.poll(ready_, until);
    return;
  }
  backend_.poll(ready_, idle);
  if (ready_.empty() && backend_.poll_worked() <= long_work) options_.touch_when_idle = memory_.touch(touch_step);
}

void core::run() {
  while (!stopping_) turn(base::duration{INT64_MAX});
}

void core::run_ready() {
  const size_t limit = backend_.turn_limit();
  const size_t bound = limit < items_max ? limit : items_max;
  const bool chooses = limit != SIZE_MAX;
  size_t count = 0;
  while (count < bound && !ready_.empty() && (watch_.ran() < run_max || stopping_)) {
    ready_item& item = chooses ? chosen() : ready_.pop_front();
    watch_.runs(item.what());
    item.run(*this);
    ++count;
    if (watch_.look_due()) watch_.look();
  }
  watch_.look();
  counters_.items_run += count;
}

ready_item& core::chosen() {
  size_t count = 0;
  for (auto at = ready_.begin(); at != ready_.end(); ++at) ++count;
  size_t index = backend_.choose(count);
  ASSERT(index < count);
  auto at = ready_.begin();
  while (index-- > 0) ++at;
  ready_item& item = *at;
  item.unlink();
  return item;
}

void core::run_turn_ends() {
  if (turn_ends_.empty()) return;
  // A hook that asks again during its own run belongs to the next turn.
  base::intrusive_list<turn_end_hook> due;
  due.splice_back(turn_ends_);
  watch_.runs("end of turn");
  while (!due.empty()) due.pop_front().at_turn_end();
  watch_.look();
}

void core::note_turn_length(base::duration polled) {
  const base::duration length = watch_.ran() + polled;
  if (length > counters_.longest_turn) counters_.longest_turn = length;
  if (length <= options_.stall_threshold) return;
  ++counters_.stalls;
  log_stall(length, polled);
}

void core::log_stall(base::duration length, base::duration polled) {
  const thread_use used = watch_.used();
  // The words of the slowest few items; which of them it was is for a profiler to say.
  const auto word = [&](size_t i) { return watch_.slowest_words()[i] == nullptr ? "" : watch_.slowest_words()[i]; };
  log_.warn("reactor", "a turn took too long", base::field("length", length),
            base::field("on_cpu", std::min(used.on_cpu, length)), base::field("sleeps", used.sleeps),
            base::field("in_poll", polled), base::field("slowest_items", watch_.slowest()), base::field("first", word(0)),
            base::field("second", word(1)), base::field("third", word(2)), base::field("fourth", word(3)));
}

void core::abandon() {
  abandoned_ = true;
  ready_.clear();
  next_turn_.clear();
  turn_ends_.clear();
  timers_.clear();
}

}  // namespace millrace::reactor
