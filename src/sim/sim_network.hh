#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/prng.hh"
#include "base/result.hh"
#include "reactor/backend.hh"
#include "sim/connection.hh"
#include "sim/faults.hh"
#include "sim/schedule.hh"
#include "sim/sim_clock.hh"

/// All connections and listeners of a world. Node n has the address 10.0.0.(n + 1); 127.0.0.1 is
/// the caller's own.

namespace millrace::sim {

class node;
class sim_backend;
class world;

struct listener {
  node* home;
  sim_backend* owner;  ///< the core that listens
  std::string host;
  uint16_t port;
  bool shared;
  int handle;
  std::deque<endpoint*> backlog{};
  reactor::accept_op* accept = nullptr;
};

class sim_network {
 public:
  sim_network(world& whole, network_faults options);
  sim_network(const sim_network&) = delete;
  sim_network& operator=(const sim_network&) = delete;
  ~sim_network();

  /// May be changed at any time.
  network_faults faults;

  // Faults by order.
  /// Nothing gets from `a` to `b` nor back until heal().
  void partition(const node& a, const node& b);
  /// Nothing gets from `a` to `b`; the other way is open.
  void partition_one_way(const node& a, const node& b);
  void heal() { blocked_.clear(); }
  /// Resets the connection behind a socket of `n`. False where there is none.
  bool reset(node& n, int handle);
  /// The stream from this socket ends; it still receives.
  bool half_close(node& n, int handle);
  /// Resets one connection, drawn. False where there is none.
  bool reset_any();
  /// Nothing gets through one connection any more, either way: drawn of those with two ends. False where there is none.
  bool strand_any();

  size_t connections() const noexcept { return connections_.size(); }
  uint64_t bytes_delivered = 0;

  // The verbs of the seam.
  base::result<reactor::listening> listen(sim_backend& on, const reactor::listen_address& where);
  std::string peer_name(node& n, int handle);
  void accept(reactor::accept_op& o, sim_backend& from);
  void connect(reactor::op& o, sim_backend& from);
  void receive(reactor::receive_op& o, sim_backend& from);
  void send(reactor::op& o, sim_backend& from);
  void shutdown(reactor::op& o, sim_backend& from);
  void close(reactor::op& o, sim_backend& from);
  void cancel(reactor::op& o, sim_backend& from);
  /// Hands out connections that were held back because an accept_op was full.
  void serve_held_accepts(sim_backend& on);
  void crash(node& n);

  // For connections.
  bool blocked(const node& from, const node& to) const;
  base::duration delay(base::prng& random) const { return draw(random, faults.delay); }
  sim_clock& clock() noexcept;

 private:
  struct attempt final : event {
    void fire() override { network->arrive(*this); }
    sim_network* network = nullptr;
    reactor::op* o = nullptr;
    sim_backend* from = nullptr;
    base::instant begun{};
    std::list<attempt>::iterator self{};
  };
  void arrive(attempt& a);
  void end_attempt(attempt& a, int64_t result, base::duration delay);
  bool establish(attempt& a, node& target);
  void serve(listener& l);
  void finish_accept(listener& l, int64_t result);
  endpoint* socket_of(node& n, int handle);
  node* find_node(const std::string& address, node& from);
  void close_listener(listener& l);
  void sweep();

  world& world_;
  base::prng random_;
  std::set<std::pair<uint32_t, uint32_t>> blocked_;  // from, to
  std::list<listener> listeners_;
  std::list<attempt> attempts_;
  std::map<uint64_t, std::unique_ptr<connection>> connections_;  // by number, from 1
  uint64_t connections_made_ = 0;
  uint16_t next_port_ = 40000;
};

}  // namespace millrace::sim
