#pragma once

#include <cstdint>
#include <string>

#include "base/intrusive_list.hh"
#include "base/object_pool.hh"
#include "reactor/op.hh"
#include "sim/schedule.hh"
#include "sim/sim_clock.hh"
#include "sim/sim_disk.hh"

/// The operations that a node has in flight at its disk: gives them latency, order and errors. An
/// operation takes effect at the instant it completes; what was in flight at a crash may have taken
/// effect, by seed.

namespace millrace::sim {

class node;
class sim_backend;

class disk_port {
 public:
  disk_port(node& home, sim_clock& clock);
  disk_port(const disk_port&) = delete;
  disk_port& operator=(const disk_port&) = delete;
  ~disk_port();

  static bool serves(reactor::op_kind kind) noexcept { return kind <= reactor::op_kind::remove_dir; }

  /// Starts an operation of one of the served kinds; a close of a socket is the network's.
  void start(reactor::op& o, sim_backend& from);
  /// Reads may end early; everything else goes on as if never asked.
  void cancel(reactor::op& o);
  /// Forgets all operations. Each that was in flight took effect or did not: `kill` tells no
  /// difference here.
  void crash(crash_kind kind);
  size_t in_flight() const noexcept { return count_; }
  /// How many operations have ended so far, over all starts of the node: what a crash can be counted by.
  uint64_t ended() const noexcept { return ended_; }

 private:
  enum class outcome : uint8_t { good, fails, torn, shortened };
  struct flight final : event, base::list_hook<flight> {
    flight(disk_port& p, reactor::op& what, sim_backend& from) : port(p), o(what), backend(from) {}
    void fire() override { port.land(*this); }
    disk_port& port;
    reactor::op& o;
    sim_backend& backend;
    ref<inode> target{};  ///< of operations on a handle or a directory
    outcome fate = outcome::good;
    int error = 0;
    uint64_t length = 0;  ///< bytes to move
    uint64_t stamp = 0;   ///< sync: what it covers
    uint64_t digest = 0;  ///< write: of its memory, which must not change
  };

  void aim(flight& f);
  void decide(flight& f, std::string_view path);
  void decide_write(flight& f);
  void land(flight& f);
  int64_t perform(flight& f);
  int64_t perform_open(flight& f);
  void destroy_block(const flight& f);
  void forget(flight& f);

  node& home_;
  sim_clock& clock_;
  base::object_pool<flight> flights_{1u << 20};
  base::intrusive_list<flight, flight> in_flight_;  // in the order of submission
  size_t count_ = 0;
  uint64_t ended_ = 0;
};

}  // namespace millrace::sim
