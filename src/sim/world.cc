#include "sim/world.hh"

#include <algorithm>

namespace millrace::sim {

world::world(uint64_t seed, world_options options)
    : options_(options), order_(seed), network_(*this, options.network), pauses_(order_.stream("pauses")) {}

world::~world() {
  for (auto& n : nodes_) {
    if (n->running()) n->crash({.kind = crash_kind::process});
  }
}

node& world::add_node(unsigned cores) {
  const node_id id(static_cast<uint32_t>(nodes_.size()));
  nodes_.push_back(std::make_unique<node>(*this, id, options_.disk));
  nodes_.back()->start(cores);
  return *nodes_.back();
}

bool world::step(base::instant horizon) {
  ASSERT(!in_turn_);
  while (clock_.now() < horizon) {
    clock_.fire_due();
    const base::instant next = collect_runnable();
    if (!runnable_.empty()) {
      take_turn(*runnable_[order_.choose(runnable_.size())]);
      return true;
    }
    clock_.advance(std::min({next, clock_.next(), horizon}));
  }
  return false;
}

/// Fills runnable_; returns when a core that has nothing to do now has something again by itself.
base::instant world::collect_runnable() {
  runnable_.clear();
  base::instant next = base::instant::never();
  for (auto& n : nodes_) {
    if (!n->running_) continue;
    for (auto& c : n->cores_) {
      const bool busy = c->core.has_ready() || c->backend.has_done();
      const base::instant from = std::max(busy ? clock_.now() : c->wake, c->paused_until);
      if (from <= clock_.now()) {
        runnable_.push_back(c.get());
      } else {
        next = std::min(next, from);
      }
    }
  }
  return next;
}

void world::take_turn(node::one_core& c) {
  in_turn_ = true;
  c.core.turn(base::duration{0});
  in_turn_ = false;
  ++turns_;
  c.wake = c.core.timers().next_deadline();
  const schedule_faults& faults = options_.schedule;
  if (faults.pause > 0 && pauses_.chance(faults.pause)) {
    c.paused_until = clock_.now() + base::nanoseconds(pauses_.between(0, faults.pause_most.ns));
  }
  clock_.advance(clock_.now() + faults.turn_cost);
}

void world::look_again() {
  for (auto& n : nodes_) {
    if (!n->running_) continue;
    for (auto& c : n->cores_) c->wake = c->core.timers().next_deadline();
  }
}

void world::crash(node& n, crash_options how) {
  ASSERT(!in_turn_);
  order_.note(0xc4a5, n.id().value());
  n.crash(how);
}

void world::restart(node& n, unsigned cores) {
  ASSERT(!in_turn_);
  order_.note(0x57a7, n.id().value());
  n.start(cores);
}

void world::pause(node& n, unsigned core, base::duration length) { n.cores_[core]->paused_until = clock_.now() + length; }

}  // namespace millrace::sim
