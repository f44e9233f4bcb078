#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/prng.hh"
#include "reactor/op.hh"
#include "sim/sim_clock.hh"

/// One TCP connection: two ends and a bounded pipe each way.

namespace millrace::sim {

class connection;
class node;
class sim_backend;
class sim_network;

/// A piece of the stream on its way or arrived, or a sign.
struct segment {
  enum class kind : uint8_t { data, end, reset };
  kind what = kind::data;
  base::instant at{};  ///< arrives then
  std::vector<uint8_t> bytes{};
  size_t taken = 0;
};

/// Bytes from one end to the other. Fires when its first segment arrives.
class pipe final : public event {
 public:
  void fire() override;
  /// What is in it reaches nobody.
  void lose();

  connection* whole = nullptr;
  unsigned from = 0;  ///< which end sends
  std::deque<segment> segments;
  size_t arrived = 0;       ///< the first so many segments have arrived
  uint64_t unread = 0;      ///< bytes in segments that nobody took
  uint32_t window = 0;      ///< unread <= window
  base::instant last{};     ///< when the newest segment arrives
  base::instant stalled{};  ///< since when nothing gets through; 0: it does
  bool ended = false;       ///< the end or a reset was sent
};

struct endpoint {
  /// closed: answers with a reset; vanished: answers nothing.
  enum class state : uint8_t { open, closed, vanished };
  struct sending {
    reactor::op* o;
    sim_backend* from;
    uint64_t sent = 0;   ///< bytes that went into the pipe
    uint32_t piece = 0;  ///< of the op's iov
    size_t offset = 0;   ///< in it
  };
  struct late_cancel final : event {
    void fire() override;
    endpoint* end = nullptr;
  };

  connection* whole = nullptr;
  unsigned side = 0;
  node* home = nullptr;
  int handle = -1;      ///< -1 until it is accepted
  std::string address;  ///< its own "address:port"
  state now = state::open;
  int error = 0;      ///< errno that every operation gets; 0 none
  bool shut = false;  ///< by the program: no bytes either way
  reactor::receive_op* receive = nullptr;
  sim_backend* receiver = nullptr;
  late_cancel canceling;
  std::deque<sending> sends;  ///< the first is going into the pipe
};

class connection {
 public:
  connection(sim_network& network, base::prng random);
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  endpoint& end(unsigned side) noexcept { return ends_[side]; }
  bool dead() const noexcept { return ends_[0].now != endpoint::state::open && ends_[1].now != endpoint::state::open; }
  sim_network& network() noexcept { return network_; }

  // Operations of the program at one end.
  void receive(endpoint& e, reactor::receive_op& o, sim_backend& from);
  void send(endpoint& e, reactor::op& o, sim_backend& from);
  void cancel(endpoint& e, reactor::op& o);
  void shutdown(endpoint& e);
  /// The handle goes: the other end sees the end of the stream, or a reset where bytes were left
  /// unread.
  void close(endpoint& e);

  // What the world does.
  /// Both ends fail with `error` at once.
  void reset(int error);
  /// Nothing arrives any more, either way: an end that sends gives up, one that waits hears nothing.
  void strand() noexcept { stranded_ = true; }
  /// No more bytes from this end, which still receives.
  void half_close(endpoint& e);
  /// The node is gone: its operations are forgotten; the other end hears a reset or nothing.
  void vanish(endpoint& e, bool silent);

 private:
  friend class pipe;
  friend struct endpoint::late_cancel;

  void arrive(pipe& p);
  bool lets_through(const pipe& p) const;
  void stall(pipe& p);
  void deliver(endpoint& e);
  bool hand_over(endpoint& e, pipe& in);
  void finish_receive(endpoint& e, int64_t result);
  void pump(pipe& p);
  bool take_piece(endpoint::sending& s, pipe& p);
  void push(pipe& p, segment s);
  void kick(pipe& p, base::instant at);
  void fail(endpoint& e, int error);
  void fail_sends(endpoint& e, int error);
  pipe& out_of(endpoint& e) noexcept { return pipes_[e.side]; }
  pipe& in_to(endpoint& e) noexcept { return pipes_[1 - e.side]; }

  sim_network& network_;
  base::prng random_;
  endpoint ends_[2];
  pipe pipes_[2];
  bool stranded_ = false;
};

}  // namespace millrace::sim
