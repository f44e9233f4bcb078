#include "broker/partition/work.hh"

#include <algorithm>

#include "broker/partition/broker_core.hh"

namespace millrace::broker {

void work::run(reactor::core&) {
  if (returning_) {
    note_return();
    on_settled();
  } else {
    execute(*owner_);
  }
}

void work::note_return() { home_->returned(*this); }

bool work::home_gone() const noexcept { return home_->on().abandoned(); }

/// Of its first part only: a work with many has their lines fetched by the processor, one behind the other.
void append_work::fetch_ahead(unsigned step) noexcept {
  if (parts.empty()) return;
  if (step == 0) {
    const auto* at = reinterpret_cast<const uint8_t*>(parts.data());
    for (size_t i = 0; i < sizeof(append_part); i += base::cache_line_bytes) __builtin_prefetch(at + i, 1);
  } else if (!returning()) {
    const base::bytes batch = parts.front().batch;
    const size_t size = std::min(batch.size(), 3 * base::cache_line_bytes);
    for (size_t i = 0; i < size; i += base::cache_line_bytes) __builtin_prefetch(batch.data() + i);
  }
}

void append_work::execute(broker_core& there) {
  there_ = &there;
  there.append(*this);
}

void append_work::part_settled() {
  ASSERT(left_ > 0);
  if (--left_ == 0) there_->settled(*this);
}

read_work::read_work() : end_(*this), nudge_(*this) {}

read_work::~read_work() { ASSERT(!nudge_.out || home_gone()); }

void read_work::execute(broker_core& there) {
  there_ = &there;
  if (stage_ == stage::releasing) {
    for (read_part& part : parts) part.slices.clear();
    stage_ = stage::fresh;
    there.settled(*this);
    return;
  }
  there.read(*this);
}

void read_work::run(reactor::core& on) {
  // Back home while the nudge is still out: settled only when that is back, too.
  if (returning() && nudge_.out) {
    note_return();
    nudge_.settle_after = true;
    return;
  }
  work::run(on);
}

void read_work::wait_end::run(reactor::core&) { of_.there_->answer(of_); }

void read_work::nudge::run(reactor::core& on) {
  if (!returning) {
    if (of.stage_ == stage::parked) of.there_->answer(of);
    returning = true;
    on.post(of.home_id(), *this);
    return;
  }
  out = false;
  returning = false;
  if (settle_after) {
    settle_after = false;
    of.on_settled();
  }
}

}  // namespace millrace::broker
