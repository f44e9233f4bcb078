#include "reactor/timer_wheel.hh"

#include <algorithm>
#include <bit>

namespace millrace::reactor {

namespace {

constexpr int64_t ns_per_tick = 1000000;
constexpr int64_t tick_max = (int64_t{1} << 42) - 1;

/// The first tick at which `deadline` has passed: rounded up, so that no timer fires early.
int64_t tick_of(base::instant deadline) {
  const int64_t whole = deadline.ns / ns_per_tick;
  const int64_t up = whole + (deadline.ns % ns_per_tick > 0 ? 1 : 0);
  return std::min(up, tick_max);
}

}  // namespace

timer_wheel::timer_wheel(base::instant now) : tick_(now.ns / ns_per_tick) {
  static_assert(levels * slot_bits == 42);
  ASSERT(now.ns >= 0 && tick_ < tick_max);
}

void timer_wheel::arm(timer& t, base::instant deadline) {
  t.unlink();
  t.deadline_ = deadline;
  place(t);
}

// A timer stands at the level of the highest digit (base 64) in which its tick differs from now, in
// the slot of its own digit there. So every occupied slot of a level lies ahead of the level's
// digit of now, and the slots of a lower level all come before those of a higher one.
void timer_wheel::place(timer& t) {
  const int64_t tick = tick_of(t.deadline_);
  if (tick <= tick_) {
    overdue_.push_back(t);
    return;
  }
  const auto difference = static_cast<uint64_t>(tick ^ tick_);
  const unsigned level = (63u - static_cast<unsigned>(std::countl_zero(difference))) / slot_bits;
  const auto slot = static_cast<unsigned>(tick >> (level * slot_bits)) & (slots - 1);
  wheel_[level][slot].push_back(t);
  occupied_[level] |= uint64_t{1} << slot;
}

bool timer_wheel::slot_empty(unsigned level, unsigned slot) const noexcept { return wheel_[level][slot].empty(); }

bool timer_wheel::next_slot(slot_position& found) const noexcept {
  for (unsigned level = 0; level < levels; ++level) {
    while (occupied_[level] != 0) {
      const auto slot = static_cast<unsigned>(std::countr_zero(occupied_[level]));
      if (slot_empty(level, slot)) {
        occupied_[level] &= occupied_[level] - 1;
        continue;
      }
      const unsigned shift = level * slot_bits;
      const int64_t above = tick_ >> (shift + slot_bits) << (shift + slot_bits);
      found = {level, slot, above | (int64_t{slot} << shift)};
      return true;
    }
  }
  return false;
}

void timer_wheel::advance(base::instant now, ready_list& ready) {
  ready.splice_back(overdue_);
  const int64_t target = std::min(now.ns / ns_per_tick, tick_max);
  slot_position next;
  while (tick_ < target) {
    if (!next_slot(next) || next.tick > target) {
      tick_ = target;
      return;
    }
    tick_ = next.tick;
    occupied_[next.level] &= ~(uint64_t{1} << next.slot);
    base::intrusive_list<ready_item> due;
    due.splice_back(wheel_[next.level][next.slot]);
    while (!due.empty()) {
      auto& t = static_cast<timer&>(due.pop_front());
      if (tick_of(t.deadline_) <= tick_) {
        ready.push_back(t);
      } else {
        place(t);
      }
    }
  }
}

base::instant timer_wheel::next_deadline() const noexcept {
  if (!overdue_.empty()) return {tick_ * ns_per_tick};
  slot_position next;
  if (!next_slot(next)) return base::instant::never();
  return {next.tick * ns_per_tick};
}

void timer_wheel::clear() noexcept {
  overdue_.clear();
  for (auto& level : wheel_) {
    for (auto& slot : level) slot.clear();
  }
  for (uint64_t& bits : occupied_) bits = 0;
}

}  // namespace millrace::reactor
