#pragma once

#include <cstdint>

#include "base/intrusive_list.hh"
#include "base/time.hh"
#include "reactor/op.hh"

/// Timers of one core: a hierarchical wheel with ticks of 1 ms. Arming and disarming cost a list link; a timer
/// never fires early, and at most a tick and a turn late.

namespace millrace::reactor {

/// Fires once per arm() by running on its core. Disarms itself when destroyed. After expiry it is an ordinary
/// ready item until it ran.
class timer : public ready_item {
 public:
  const char* what() const noexcept override { return "timer"; }
  /// Linked in the wheel, or expired and not yet run.
  bool armed() const noexcept { return linked(); }
  base::instant deadline() const noexcept { return deadline_; }

 private:
  friend class timer_wheel;
  base::instant deadline_{};
};

class timer_wheel {
 public:
  explicit timer_wheel(base::instant now);

  /// Fires at `deadline` or in the next turn if that has passed. Re-arming moves it.
  void arm(timer& t, base::instant deadline);
  void disarm(timer& t) noexcept { t.unlink(); }
  /// Moves what expired by `now` to `ready`, in order of deadline tick.
  void advance(base::instant now, ready_list& ready);
  /// A point not later than the first deadline; instant::never() when nothing is armed. May be early (the start of
  /// a coarse slot), so a sleeper may wake once for nothing.
  base::instant next_deadline() const noexcept;
  void clear() noexcept;

 private:
  static constexpr unsigned slot_bits = 6;
  static constexpr unsigned slots = 1u << slot_bits;
  static constexpr unsigned levels = 7;  // 64^7 ms: 139 years
  base::intrusive_list<ready_item> wheel_[levels][slots];
  base::intrusive_list<ready_item> overdue_;  // armed when their tick had been fired
  // A bit per slot that may hold timers; a look that finds the slot empty clears it.
  mutable uint64_t occupied_[levels] = {};
  int64_t tick_ = 0;  // ms; this tick and all earlier ones were fired

  struct slot_position {
    unsigned level;
    unsigned slot;
    int64_t tick;  // when its turn comes
  };
  void place(timer& t);
  bool next_slot(slot_position& found) const noexcept;
  bool slot_empty(unsigned level, unsigned slot) const noexcept;
};

}  // namespace millrace::reactor
