#include "sim/sim_network.hh"

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/assert.hh"
#include "sim/node.hh"
#include "sim/sim_backend.hh"
#include "sim/world.hh"

namespace millrace::sim {

namespace {

bool is_loopback(const std::string& address) { return address == "127.0.0.1" || address == "::1" || address == "localhost"; }

}  // namespace

sim_network::sim_network(world& whole, network_faults options)
    : faults(options), world_(whole), random_(whole.order().stream("network")) {}
sim_network::~sim_network() = default;

sim_clock& sim_network::clock() noexcept { return world_.clock(); }

// Faults by order.

void sim_network::partition_one_way(const node& a, const node& b) { blocked_.insert({a.id().value(), b.id().value()}); }
void sim_network::partition(const node& a, const node& b) {
  partition_one_way(a, b);
  partition_one_way(b, a);
}
bool sim_network::blocked(const node& from, const node& to) const {
  return !blocked_.empty() && blocked_.contains({from.id().value(), to.id().value()});
}

endpoint* sim_network::socket_of(node& n, int handle) {
  const open_handle* opened = n.handles.find(handle);
  return opened == nullptr ? nullptr : opened->socket;
}

bool sim_network::reset(node& n, int handle) {
  endpoint* e = socket_of(n, handle);
  if (e != nullptr) e->whole->reset(ECONNRESET);
  return e != nullptr;
}

bool sim_network::half_close(node& n, int handle) {
  endpoint* e = socket_of(n, handle);
  if (e != nullptr) e->whole->half_close(*e);
  return e != nullptr;
}

bool sim_network::reset_any() {
  if (connections_.empty()) return false;
  auto chosen = connections_.begin();
  std::advance(chosen, static_cast<ptrdiff_t>(random_.below(connections_.size())));
  chosen->second->reset(ECONNRESET);
  return true;
}

bool sim_network::strand_any() {
  std::vector<connection*> whole;
  for (auto& [number, c] : connections_) {
    if (c->end(0).now == endpoint::state::open && c->end(1).now == endpoint::state::open) whole.push_back(c.get());
  }
  if (whole.empty()) return false;
  whole[random_.below(whole.size())]->strand();
  return true;
}

// Listeners.

base::result<reactor::listening> sim_network::listen(sim_backend& on, const reactor::listen_address& where) {
  node& home = on.home();
  uint16_t port = where.port;
  const auto taken = [&](uint16_t wanted, bool shared) {
    return std::any_of(listeners_.begin(), listeners_.end(),
                       [&](const listener& l) { return l.home == &home && l.port == wanted && !(shared && l.shared); });
  };
  if (port == 0) {
    for (port = 30000; taken(port, false);) ++port;
  } else if (taken(port, where.shared)) {
    return base::fail_errno(EADDRINUSE);
  }
  listeners_.push_back(
      {.home = &home, .owner = &on, .host = where.host, .port = port, .shared = where.shared, .handle = -1});
  listeners_.back().handle = home.handles.add({.listening = &listeners_.back()});
  return reactor::listening{listeners_.back().handle, port};
}

void sim_network::accept(reactor::accept_op& o, sim_backend& from) {
  const open_handle* opened = from.home().handles.find(o.handle);
  if (opened == nullptr || opened->listening == nullptr) return from.complete_in(o, -EBADF, base::microseconds(1));
  listener& l = *opened->listening;
  ASSERT(l.accept == nullptr);
  l.accept = &o;
  l.owner = &from;
  o.armed = true;
  serve(l);
}

void sim_network::serve(listener& l) {
  while (l.accept != nullptr && !l.backlog.empty()) {
    reactor::accept_op& o = *l.accept;
    if (o.count == reactor::accept_op::capacity) {
      l.owner->held_accepts = true;
      return;
    }
    endpoint& e = *l.backlog.front();
    l.backlog.pop_front();
    e.handle = l.home->handles.add({.socket = &e});
    o.accepted[(o.begin + o.count++) % reactor::accept_op::capacity] = e.handle;
    l.owner->answer(o);
    if (random_.chance(faults.multishot_end)) finish_accept(l, 1);
  }
}

void sim_network::serve_held_accepts(sim_backend& on) {
  on.held_accepts = false;
  for (listener& l : listeners_) {
    if (l.owner == &on) serve(l);
  }
}

void sim_network::finish_accept(listener& l, int64_t result) {
  reactor::accept_op& o = *l.accept;
  o.armed = false;
  l.accept = nullptr;
  l.owner->complete(o, result);
}

/// Who was waiting to be accepted is turned away.
void sim_network::close_listener(listener& l) {
  ASSERT(l.accept == nullptr);
  for (endpoint* e : l.backlog) e->whole->vanish(*e, false);
  listeners_.remove_if([&](const listener& other) { return &other == &l; });
}

// Connections.

node* sim_network::find_node(const std::string& address, node& from) {
  if (is_loopback(address)) return &from;
  for (size_t i = 0; i < world_.node_count(); ++i) {
    if (world_.at(i).address() == address) return &world_.at(i);
  }
  return nullptr;
}

void sim_network::connect(reactor::op& o, sim_backend& from) {
  attempts_.emplace_back();
  attempt& a = attempts_.back();
  a.network = this;
  a.o = &o;
  a.from = &from;
  a.begun = clock().now();
  a.self = std::prev(attempts_.end());
  clock().schedule_in(a, delay(random_));
}

/// The first packet of a connection is where it goes, or nowhere.
void sim_network::arrive(attempt& a) {
  node* target = find_node(a.o->path, a.from->home());
  if (target == nullptr) return end_attempt(a, -ENETUNREACH, {});
  const bool unheard = blocked(a.from->home(), *target) || blocked(*target, a.from->home()) ||
                       (!target->running() && random_.chance(faults.vanish));
  if (!unheard) {
    if (!target->running()) return end_attempt(a, -ECONNREFUSED, delay(random_));
    if (establish(a, *target)) return;
  }
  if (clock().now() - a.begun > faults.connect_timeout) return end_attempt(a, -ETIMEDOUT, {});
  clock().schedule_in(a, base::milliseconds(random_.between(200, 1000)));
}

void sim_network::end_attempt(attempt& a, int64_t result, base::duration delay) {
  a.from->complete_in(*a.o, result, delay);
  attempts_.erase(a.self);
}

/// Gives the attempt its answer. False where it has to try again: every backlog is full.
bool sim_network::establish(attempt& a, node& target) {
  std::vector<listener*> candidates;
  bool heard = false;
  for (listener& l : listeners_) {
    if (l.home != &target || l.port != a.o->port) continue;
    if (is_loopback(l.host) && &a.from->home() != &target) continue;
    heard = true;
    if (l.backlog.size() < faults.backlog) candidates.push_back(&l);
  }
  if (!heard) {
    end_attempt(a, -ECONNREFUSED, delay(random_));
    return true;
  }
  if (candidates.empty()) return false;
  listener& chosen = *candidates[random_.below(candidates.size())];
  const uint64_t number = ++connections_made_;
  auto& made = connections_[number] = std::make_unique<connection>(*this, random_.split(number));
  endpoint& near = made->end(0);
  endpoint& far = made->end(1);
  near.home = &a.from->home();
  far.home = &target;
  const bool local = is_loopback(a.o->path);
  near.address = (local ? "127.0.0.1" : near.home->address()) + ":" + std::to_string(next_port_);
  far.address = (local ? "127.0.0.1" : target.address()) + ":" + std::to_string(chosen.port);
  next_port_ = next_port_ == 65535 ? 40000 : static_cast<uint16_t>(next_port_ + 1);
  near.handle = near.home->handles.add({.socket = &near});
  chosen.backlog.push_back(&far);
  serve(chosen);
  end_attempt(a, near.handle, delay(random_));
  return true;
}

std::string sim_network::peer_name(node& n, int handle) {
  endpoint* e = socket_of(n, handle);
  return e == nullptr ? std::string("unknown") : e->whole->end(1 - e->side).address;
}

void sim_network::receive(reactor::receive_op& o, sim_backend& from) {
  endpoint* e = socket_of(from.home(), o.handle);
  if (e == nullptr) return from.complete_in(o, -EBADF, base::microseconds(1));
  e->whole->receive(*e, o, from);
}

void sim_network::send(reactor::op& o, sim_backend& from) {
  endpoint* e = socket_of(from.home(), o.handle);
  if (e == nullptr) return from.complete_in(o, -EBADF, base::microseconds(1));
  e->whole->send(*e, o, from);
}

void sim_network::shutdown(reactor::op& o, sim_backend& from) {
  endpoint* e = socket_of(from.home(), o.handle);
  if (e != nullptr && (o.flags & reactor::shutdown_reset) != 0) {
    e->whole->reset(ECONNRESET);
    from.pins().reset(o.handle);
  }
  if (e != nullptr && (o.flags & reactor::shutdown_sends) != 0) {
    e->whole->half_close(*e);
  } else if (e != nullptr) {
    e->whole->shutdown(*e);
  }
  from.complete_in(o, e == nullptr ? -EBADF : 0, base::microseconds(1));
}

void sim_network::close(reactor::op& o, sim_backend& from) {
  const open_handle* opened = from.home().handles.find(o.handle);
  if (opened == nullptr) return from.complete_in(o, -EBADF, base::microseconds(1));
  if (opened->listening != nullptr) {
    close_listener(*opened->listening);
  } else {
    opened->socket->whole->close(*opened->socket);
  }
  from.home().handles.remove(o.handle);
  from.complete_in(o, 0, base::microseconds(1));
  sweep();
}

void sim_network::cancel(reactor::op& o, sim_backend& from) {
  if (o.kind == reactor::op_kind::accept) {
    const open_handle* opened = from.home().handles.find(o.handle);
    listener* l = opened == nullptr ? nullptr : opened->listening;
    if (l != nullptr && l->accept == &o) finish_accept(*l, -ECANCELED);
  } else if (o.kind == reactor::op_kind::connect) {
    const auto found = std::find_if(attempts_.begin(), attempts_.end(), [&](const attempt& a) { return a.o == &o; });
    if (found == attempts_.end()) return;  // its answer is on the way
    attempts_.erase(found);
    from.complete(o, -ECANCELED);
  } else if (o.kind == reactor::op_kind::receive || o.kind == reactor::op_kind::send) {
    endpoint* e = socket_of(from.home(), o.handle);
    if (e != nullptr) e->whole->cancel(*e, o);
  }
}

void sim_network::crash(node& n) {
  for (auto a = attempts_.begin(); a != attempts_.end();) {
    const auto next = std::next(a);
    if (&a->from->home() == &n) {
      sim_backend::forget(*a->o);
      attempts_.erase(a);
    }
    a = next;
  }
  for (listener& l : listeners_) {
    if (l.home != &n || l.accept == nullptr) continue;
    l.accept->armed = false;
    sim_backend::forget(*l.accept);
    l.accept = nullptr;
  }
  listeners_.remove_if([&](const listener& l) { return l.home == &n; });
  for (auto& [number, c] : connections_) {
    for (unsigned side = 0; side < 2; ++side) {
      endpoint& e = c->end(side);
      if (e.home == &n && e.now == endpoint::state::open) c->vanish(e, random_.chance(faults.vanish));
    }
  }
  sweep();
}

/// Connections that nobody holds an end of are gone, with what was on its way.
void sim_network::sweep() {
  std::erase_if(connections_, [](const auto& c) { return c.second->dead(); });
}

}  // namespace millrace::sim
