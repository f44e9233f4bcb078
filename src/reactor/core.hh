#pragma once

#include <cstdint>

#include "base/log.hh"
#include "base/prng.hh"
#include "base/tagged.hh"
#include "base/time.hh"
#include "reactor/backend.hh"
#include "reactor/memory.hh"
#include "reactor/op.hh"
#include "reactor/timer_wheel.hh"
#include "reactor/turn_watch.hh"

/// One core: a loop over ready items, timers and a backend. Everything that lives on a core takes core& in its
/// constructor and is touched only by that core's thread.
///
/// A turn: read the clock; move expired timers to the ready queue; run what is ready and what that makes ready (for about
/// two milliseconds, and up to the backend's turn_limit; in order of arrival, or by backend::choose where there is a limit);
/// run the end-of-turn hooks (sockets flush their replies, the commit log starts a group); poll once, which submits
/// everything in one system call. What was left ready comes first in the next turn; a core that stops leaves nothing.

namespace millrace::reactor {

struct core_options {
  base::core_id id{0};
  unsigned core_count = 1;
  base::duration stall_threshold = base::milliseconds(10);
  bool touch_when_idle = false;  ///< idle turns touch the rest of the core's memory, a huge page at a time
};

/// Numbers a core counts about itself; read by others only through mail or after it stopped.
struct core_counters {
  uint64_t turns = 0;
  uint64_t items_run = 0;
  uint64_t stalls = 0;  ///< turns over the threshold; a turn's length is its work, in poll too, not its waits
  base::duration longest_turn{};
  uint64_t mail_posted = 0;  ///< to other cores
};

/// Runs once at the end of the turn in which it was requested, after the items of the turn.
class turn_end_hook : public base::list_hook<> {
 public:
  virtual ~turn_end_hook() = default;
  virtual void at_turn_end() = 0;
};

class core {
 public:
  core(core_options options, backend& effects, memory& memory, base::logger& log);
  core(const core&) = delete;
  core& operator=(const core&) = delete;
  ~core();

  base::core_id id() const noexcept { return options_.id; }
  unsigned core_count() const noexcept { return options_.core_count; }
  /// Monotonic and wall time, read once per turn.
  base::instant now() const noexcept { return now_; }
  base::unix_ms wall_clock() const noexcept { return wall_; }

  /// Starts an operation; its run() is called when it completed.
  void submit(op& o);
  void cancel(op& o) { backend_.cancel(o); }
  /// Runs `item` in this turn or one of the next. It must not be linked.
  void make_ready(ready_item& item) { ready_.push_back(item); }
  /// Runs `item` after everything that is ready now, and after the poll: in the next turn at the earliest. It must not be
  /// linked.
  void make_ready_next_turn(ready_item& item) { next_turn_.push_back(item); }
  /// Runs `hook` at the end of this turn (or of the next, when called from outside a turn); once however often asked.
  void at_turn_end(turn_end_hook& hook) {
    if (!hook.linked()) turn_ends_.push_back(hook);
  }
  /// Posts mail; to its own core it becomes ready here.
  void post(base::core_id target, mail& m);

  reactor::backend& effects() noexcept { return backend_; }
  reactor::memory& memory() noexcept { return memory_; }
  timer_wheel& timers() noexcept { return timers_; }
  base::logger& log() noexcept { return log_; }
  base::prng& random() noexcept { return random_; }  ///< seeded from the backend's entropy
  const core_counters& counters() const noexcept { return counters_; }

  /// One turn. Waits in poll for at most `max_wait` when nothing is ready.
  void turn(base::duration max_wait);
  /// Turns until stop() was called (on this core).
  void run();
  void stop() noexcept { stopping_ = true; }
  bool stopping() const noexcept { return stopping_; }
  bool has_ready() { return !ready_.empty() || !next_turn_.empty() || !turn_ends_.empty(); }
  /// Forgets everything that is ready or hooked, without running it: the world's crash.
  void abandon();
  /// Whether it was: what lived here may then be destroyed without being closed.
  bool abandoned() const noexcept { return abandoned_; }

 private:
  core_options options_;
  reactor::backend& backend_;
  reactor::memory& memory_;
  base::logger& log_;
  timer_wheel timers_;
  base::prng random_;
  ready_list ready_;
  ready_list next_turn_;
  base::intrusive_list<turn_end_hook> turn_ends_;
  base::instant now_{};
  base::unix_ms wall_ = 0;
  core_counters counters_;
  bool stopping_ = false;
  bool abandoned_ = false;
  turn_watch watch_;

  void run_ready();
  ready_item& chosen();
  void run_turn_ends();
  void end_turn(base::duration max_wait);
  void note_turn_length(base::duration polled);
  void log_stall(base::duration length, base::duration polled);
};

}  // namespace millrace::reactor
