#include "reactor/core.hh"

#include "base/assert.hh"

namespace millrace::reactor {

namespace {

/// Items run between two looks at the clock: a look costs as much as a few items.
constexpr size_t items_per_look = 8;
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
      wall_(effects.wall_clock()) {}

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
  timers_.advance(now_, ready_);
  ready_.splice_back(next_turn_);
  base::duration ran{};
  slowest_ = {};
  slowest_words_ = {};
  if (!ready_.empty() || !turn_ends_.empty()) {
    base::instant looked = run_ready();
    if (run_turn_ends()) looked = backend_.clock();
    ran = looked - now_;
  }
  end_turn(max_wait);
  note_turn_length(ran, backend_.poll_worked());
}

/// Polls, and waits there where nothing is ready.
void core::end_turn(base::duration max_wait) {
  if (has_ready() || stopping_) {
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
  if (ready_.empty()) options_.touch_when_idle = memory_.touch(touch_step);
}

void core::run() {
  while (!stopping_) turn(base::duration{INT64_MAX});
}

/// Returns when the last item ended.
base::instant core::run_ready() {
  // The bound keeps two tasks that wake each other from holding the turn for ever.
  const size_t limit = backend_.turn_limit();
  const size_t bound = limit < run_bound ? limit : run_bound;
  const bool chooses = limit != SIZE_MAX;
  const char* words[items_per_look] = {};
  base::instant looked = now_;
  const auto look = [&](size_t since) {
    const base::instant at = backend_.clock();
    if (at - looked > slowest_) {
      slowest_ = at - looked;
      for (size_t i = 0; i < slowest_words_.size(); ++i) slowest_words_[i] = i < since ? words[i] : nullptr;
    }
    looked = at;
  };
  size_t run_count = 0;
  while (run_count < bound && !ready_.empty()) {
    ready_item& item = chooses ? chosen() : ready_.pop_front();
    words[run_count % items_per_look] = item.what();
    item.run(*this);
    if (++run_count % items_per_look == 0) look(items_per_look);
  }
  if (run_count % items_per_look != 0) look(run_count % items_per_look);
  counters_.items_run += run_count;
  return looked;
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

/// False where there was nothing to run.
bool core::run_turn_ends() {
  if (turn_ends_.empty()) return false;
  // A hook that asks again during its own run belongs to the next turn.
  base::intrusive_list<turn_end_hook> due;
  due.splice_back(turn_ends_);
  while (!due.empty()) due.pop_front().at_turn_end();
  return true;
}

void core::note_turn_length(base::duration ran, base::duration polled) {
  const base::duration length = ran + polled;
  if (length > counters_.longest_turn) counters_.longest_turn = length;
  if (length <= options_.stall_threshold) return;
  ++counters_.stalls;
  // The words of the slowest few items; which of them it was is for a profiler to say.
  const auto word = [&](size_t i) { return slowest_words_[i] == nullptr ? "" : slowest_words_[i]; };
  log_.warn("reactor", "a turn took too long", base::field("length", length), base::field("in_poll", polled),
            base::field("slowest_items", slowest_), base::field("first", word(0)), base::field("second", word(1)),
            base::field("third", word(2)), base::field("fourth", word(3)));
}

void core::abandon() {
  abandoned_ = true;
  ready_.clear();
  next_turn_.clear();
  turn_ends_.clear();
  timers_.clear();
}

}  // namespace millrace::reactor
