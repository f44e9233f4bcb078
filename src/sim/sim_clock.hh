#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.hh"
#include "base/time.hh"

/// Virtual time and what will happen in it. Owned by the world. Events of one instant happen in the
/// order in which they were scheduled, so nothing depends on addresses.

namespace millrace::sim {

class sim_clock;

/// Something that happens at a point in time. Unschedules itself when it is destroyed; never moves.
class event {
 public:
  event() = default;
  event(const event&) = delete;
  event& operator=(const event&) = delete;
  virtual ~event() { unschedule(); }

  bool scheduled() const noexcept { return clock_ != nullptr; }
  base::instant at() const noexcept { return at_; }
  void unschedule() noexcept;

 protected:
  /// Called once per schedule(), with the clock at at(); it may schedule itself again or die.
  virtual void fire() = 0;

 private:
  friend class sim_clock;
  sim_clock* clock_ = nullptr;
  base::instant at_{};
  uint64_t number_ = 0;
  size_t place_ = 0;  ///< in the heap
};

class sim_clock {
 public:
  sim_clock() = default;
  sim_clock(const sim_clock&) = delete;
  sim_clock& operator=(const sim_clock&) = delete;
  ~sim_clock();

  base::instant now() const noexcept { return now_; }
  /// Schedules, or moves what is scheduled; what lies in the past happens next.
  void schedule(event& e, base::instant at);
  void schedule_in(event& e, base::duration delay) { schedule(e, now_ + delay); }

  /// When the next event is due; instant::never() where there is none.
  base::instant next() const noexcept { return heap_.empty() ? base::instant::never() : heap_[0].at; }
  /// Lets time pass up to `to` without firing; never back.
  void advance(base::instant to) noexcept {
    if (to > now_) now_ = to;
  }
  /// Fires everything that is due at now(). Returns how many.
  size_t fire_due();

  uint64_t fired() const noexcept { return fired_; }

 private:
  friend class event;
  struct slot {
    base::instant at;
    uint64_t number;
    event* what;
    bool before(const slot& o) const noexcept { return at != o.at ? at < o.at : number < o.number; }
  };
  void put(size_t place, const slot& s) noexcept {
    heap_[place] = s;
    s.what->place_ = place;
  }
  void rise(size_t place) noexcept;
  void sink(size_t place) noexcept;
  void take_out(size_t place) noexcept;

  base::instant now_{};
  uint64_t scheduled_ = 0;
  uint64_t fired_ = 0;
  std::vector<slot> heap_;  // binary, earliest first
};

}  // namespace millrace::sim
