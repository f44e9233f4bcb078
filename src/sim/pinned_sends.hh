#pragma once

#include <sys/uio.h>

#include <vector>

#include "base/intrusive_list.hh"
#include "base/object_pool.hh"
#include "base/prng.hh"
#include "reactor/op.hh"
#include "sim/sim_clock.hh"

/// The zero-copy sends of one core whose memory has not been released: sees that nobody changes it before, and answers
/// a second time when a drawn delay after the first has passed.

namespace millrace::sim {

class sim_backend;
struct network_faults;

class pinned_sends {
 public:
  pinned_sends(sim_backend& home, sim_clock& clock, base::prng random, const network_faults& faults);
  pinned_sends(const pinned_sends&) = delete;
  pinned_sends& operator=(const pinned_sends&) = delete;
  ~pinned_sends();

  /// The operation begins: from now on its memory is lent.
  void begin(reactor::op& o);
  /// It was sent, or cannot be: the release comes later.
  void sent(reactor::op& o);
  /// The socket was reset here: what waits in the kernel is thrown away, and nobody looks at its memory any more.
  void reset(int handle);
  /// Forgets all of them.
  void crash();

 private:
  struct pin final : event, base::list_hook<pin> {
    pin(pinned_sends& all, reactor::op& what) : owner(all), o(what) {}
    void fire() override { owner.release(*this); }
    pinned_sends& owner;
    reactor::op& o;
    std::vector<iovec> pieces{};  // the op's own array goes with `sent`
    uint64_t digest = 0;
  };
  void release(pin& p);
  void forget(pin& p);

  sim_backend& home_;
  sim_clock& clock_;
  base::prng random_;
  const network_faults& faults_;
  base::object_pool<pin> pins_{1u << 20};
  base::intrusive_list<pin, pin> pinned_;
};

}  // namespace millrace::sim
