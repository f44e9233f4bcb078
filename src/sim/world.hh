#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.hh"
#include "base/time.hh"
#include "reactor/task.hh"
#include "sim/faults.hh"
#include "sim/node.hh"
#include "sim/schedule.hh"
#include "sim/sim_clock.hh"
#include "sim/sim_network.hh"
#include "sim/started.hh"

/// Everything there is, on one thread: nodes with cores and disks, a network between them, and
/// time, which passes only when nothing else can happen. One seed decides all of it.

namespace millrace::sim {

struct world_options {
  disk_faults disk{};
  network_faults network{};
  schedule_faults schedule{};
  size_t core_memory_bytes = size_t{32} << 20;  ///< reactor::memory of each core
  base::unix_ms start = 1'767'225'600'000;      ///< wall time at instant 0: 2026-01-01 UTC
  base::log_level log_level = base::log_level::warn;
  /// Where log lines go; nullptr: nowhere. The line starts with virtual time and node.
  void (*log_sink)(void* self, std::string_view line) = nullptr;
  void* log_self = nullptr;
};

class world {
 public:
  explicit world(uint64_t seed, world_options options = {});
  world(const world&) = delete;
  world& operator=(const world&) = delete;
  /// Nodes that still run are crashed first; whatever uses their cores must be gone.
  ~world();

  /// A new running node with an empty disk. Lives as long as the world.
  node& add_node(unsigned cores = 1);
  node& at(size_t index) { return *nodes_[index]; }
  size_t node_count() const noexcept { return nodes_.size(); }
  sim_network& network() noexcept { return network_; }
  const world_options& options() const noexcept { return options_; }
  /// Drawn for each turn: may be changed at any time.
  schedule_faults& schedule_options() noexcept { return options_.schedule; }

  base::instant now() const noexcept { return clock_.now(); }
  base::unix_ms wall_clock() const noexcept { return options_.start + clock_.now().ns / 1'000'000; }

  /// One core takes one turn, after time went to where one has something to do, but not past
  /// `horizon`. False where nothing happens until then; it is `horizon` then.
  bool step(base::instant horizon);
  /// Steps until `done()`, looked at between turns. False where `limit` passed first.
  template <class Predicate>
  bool run_until(Predicate&& done, base::duration limit) {
    const base::instant horizon = now() + limit;
    look_again();
    while (!done()) {
      if (!step(horizon)) return done();
    }
    return true;
  }
  void run_for(base::duration length) {
    (void)run_until([] { return false; }, length);
  }

  /// Starts a root task on a core of a running node. The frame belongs to the result, which must
  /// not die before the task ended or its node crashed.
  template <class T>
  std::unique_ptr<started<T>> start(node& n, unsigned core, reactor::task<T> work) {
    return std::make_unique<started<T>>(n.core(core), std::move(work));
  }
  /// Runs a root task to its end and returns its value. That it ends within `limit` of virtual time
  /// is asserted.
  template <class T>
  T run(node& n, unsigned core, reactor::task<T> work, base::duration limit = base::seconds(3600)) {
    auto running = start(n, core, std::move(work));
    ASSERT(run_until([&] { return running->done(); }, limit));
    return running->take();
  }

  /// The node vanishes between two turns: its operations are forgotten (in_flight is false, nothing
  /// completes), its cores abandoned, its memory's checks called off. Whatever was built on its
  /// cores must be destroyed (not closed) by its owner before restart().
  void crash(node& n, crash_options how = {});
  /// Fresh cores over the same disk.
  void restart(node& n, unsigned cores);
  /// This core takes no turn for so long.
  void pause(node& n, unsigned core, base::duration length);

  /// The decisions and outcomes so far as one number.
  uint64_t schedule_hash() const noexcept { return order_.hash(); }
  uint64_t seed() const noexcept { return order_.seed(); }
  /// For workloads: a stream of its own, by name.
  base::prng stream(std::string_view name) const { return order_.stream(name); }
  uint64_t turns() const noexcept { return turns_; }
  /// Events fired (completions, arrivals) and turns taken.
  uint64_t events() const noexcept { return turns_ + clock_.fired(); }

  // For the parts of the world.
  sim_clock& clock() noexcept { return clock_; }
  schedule& order() noexcept { return order_; }

 private:
  /// Cores may have been touched from outside of turns: their timers are read again.
  void look_again();
  base::instant collect_runnable();
  void take_turn(node::one_core& c);

  world_options options_;
  schedule order_;
  sim_clock clock_;
  sim_network network_;
  base::prng pauses_;
  std::vector<std::unique_ptr<node>> nodes_;
  std::vector<node::one_core*> runnable_;  // in order of node and core
  uint64_t turns_ = 0;
  bool in_turn_ = false;
};

/// The same on core 0 of node 0: for small tests.
template <class T>
T run(world& w, reactor::task<T> work) {
  return w.run(w.at(0), 0, std::move(work));
}

}  // namespace millrace::sim
