#include "sim/sim_clock.hh"

namespace millrace::sim {

sim_clock::~sim_clock() {
  while (!heap_.empty()) heap_[0].what->unschedule();
}

void event::unschedule() noexcept {
  if (clock_ == nullptr) return;
  clock_->take_out(place_);
  clock_ = nullptr;
}

void sim_clock::schedule(event& e, base::instant at) {
  e.unschedule();
  e.clock_ = this;
  e.at_ = at < now_ ? now_ : at;
  e.number_ = ++scheduled_;
  heap_.push_back({});
  put(heap_.size() - 1, {e.at_, e.number_, &e});
  rise(heap_.size() - 1);
}

size_t sim_clock::fire_due() {
  size_t count = 0;
  while (!heap_.empty() && heap_[0].at <= now_) {
    event& due = *heap_[0].what;
    due.unschedule();
    ++count;
    due.fire();
  }
  fired_ += count;
  return count;
}

void sim_clock::rise(size_t place) noexcept {
  const slot moving = heap_[place];
  while (place > 0) {
    const size_t above = (place - 1) / 2;
    if (!moving.before(heap_[above])) break;
    put(place, heap_[above]);
    place = above;
  }
  put(place, moving);
}

void sim_clock::sink(size_t place) noexcept {
  const slot moving = heap_[place];
  while (true) {
    size_t below = 2 * place + 1;
    if (below >= heap_.size()) break;
    if (below + 1 < heap_.size() && heap_[below + 1].before(heap_[below])) ++below;
    if (!heap_[below].before(moving)) break;
    put(place, heap_[below]);
    place = below;
  }
  put(place, moving);
}

void sim_clock::take_out(size_t place) noexcept {
  const slot last = heap_.back();
  heap_.pop_back();
  if (place == heap_.size()) return;
  put(place, last);
  rise(place);
  sink(last.what->place_);
}

}  // namespace millrace::sim
