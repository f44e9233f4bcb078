#include "sim/pinned_sends.hh"

#include "base/assert.hh"
#include "sim/faults.hh"
#include "sim/memory_digest.hh"
#include "sim/schedule.hh"
#include "sim/sim_backend.hh"

namespace millrace::sim {

pinned_sends::pinned_sends(sim_backend& home, sim_clock& clock, base::prng random, const network_faults& faults)
    : home_(home), clock_(clock), random_(random), faults_(faults) {}
pinned_sends::~pinned_sends() { ASSERT(pinned_.empty()); }

void pinned_sends::begin(reactor::op& o) {
  o.sent = false;
  o.copied = false;
  pin* p = pins_.take(*this, o);
  ASSERT(p != nullptr);
  p->pieces.assign(o.iov, o.iov + o.iov_count);
  p->digest = memory_digest(p->pieces);
  pinned_.push_back(*p);
}

void pinned_sends::sent(reactor::op& o) {
  for (pin& p : pinned_) {
    if (&p.o != &o) continue;
    o.copied = random_.chance(faults_.zero_copy_copied);
    clock_.schedule_in(p, draw(random_, faults_.release));
    return;
  }
  ASSERT(false);
}

void pinned_sends::release(pin& p) {
  ASSERT(memory_digest(p.pieces) == p.digest);  // memory under a send is never changed
  reactor::op& o = p.o;
  forget(p);
  home_.complete(o, o.result);
}

void pinned_sends::reset(int handle) {
  for (pin& p : pinned_) {
    if (p.o.handle == handle && p.o.sent) clock_.schedule_in(p, base::microseconds(1));
  }
}

void pinned_sends::crash() {
  while (!pinned_.empty()) {
    pin& p = pinned_.front();
    p.o.in_flight = false;
    forget(p);
  }
}

void pinned_sends::forget(pin& p) {
  p.list_hook<pin>::unlink();
  p.event::unschedule();
  pins_.give_back(&p);
}

}  // namespace millrace::sim
