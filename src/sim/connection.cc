#include "sim/connection.hh"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.hh"
#include "sim/node.hh"
#include "sim/sim_backend.hh"
#include "sim/sim_network.hh"

namespace millrace::sim {

namespace {

/// Nobody reads it any more. What is still on its way is left there: it finds a socket that refuses it, or its sender gives
/// up.
void forget_arrived(pipe& p) {
  p.segments.erase(p.segments.begin(), p.segments.begin() + static_cast<ptrdiff_t>(p.arrived));
  p.arrived = 0;
  p.unread = 0;
  for (const segment& s : p.segments) p.unread += s.bytes.size() - s.taken;
}

/// How long a small thing inside one kernel takes.
base::duration moment(base::prng& random) { return base::nanoseconds(random.between(500, 5000)); }

}  // namespace

connection::connection(sim_network& network, base::prng random) : network_(network), random_(random) {
  const network_faults& faults = network.faults;
  for (unsigned side = 0; side < 2; ++side) {
    ends_[side].whole = pipes_[side].whole = this;
    ends_[side].side = pipes_[side].from = side;
    ends_[side].canceling.end = &ends_[side];
    pipes_[side].window = static_cast<uint32_t>(random_.between(faults.window_bytes_least, faults.window_bytes_most));
  }
}

// Operations of the program.

void connection::receive(endpoint& e, reactor::receive_op& o, sim_backend& from) {
  ASSERT(e.receive == nullptr);  // one reader at a time
  e.receive = &o;
  e.receiver = &from;
  o.armed = true;
  kick(in_to(e), network_.clock().now() + moment(random_));
}

void connection::send(endpoint& e, reactor::op& o, sim_backend& from) {
  if (e.error != 0 || out_of(e).ended) {
    from.complete_in(o, e.error != 0 ? -e.error : -EPIPE, moment(random_));
    return;
  }
  e.sends.push_back({&o, &from});
  pump(out_of(e));
}

/// A receive ends now or a little later, with what still came; a send ends where it stands.
void connection::cancel(endpoint& e, reactor::op& o) {
  if (&o == e.receive) {
    if (e.canceling.scheduled()) return;
    if (random_.chance(0.5)) {
      finish_receive(e, -ECANCELED);
    } else {
      network_.clock().schedule_in(e.canceling, network_.delay(random_));
    }
    return;
  }
  for (auto s = e.sends.begin(); s != e.sends.end(); ++s) {
    if (s->o != &o) continue;
    sim_backend& from = *s->from;
    e.sends.erase(s);
    from.complete(o, -ECANCELED);
    return;
  }
}

void endpoint::late_cancel::fire() {
  if (end->receive != nullptr) end->whole->finish_receive(*end, -ECANCELED);
}

void connection::shutdown(endpoint& e) {
  if (e.shut) return;
  e.shut = true;
  half_close(e);
  forget_arrived(in_to(e));
  pump(in_to(e));
  deliver(e);
}

void connection::half_close(endpoint& e) {
  fail_sends(e, EPIPE);
  pipe& out = out_of(e);
  if (out.ended || e.error != 0) return;
  out.ended = true;
  push(out, {.what = segment::kind::end});
}

void connection::close(endpoint& e) {
  // A socket with operations in flight stays open in the kernel: a leak in production.
  ASSERT(e.receive == nullptr && e.sends.empty());
  const bool left_unread = in_to(e).unread > 0;
  e.now = endpoint::state::closed;
  e.handle = -1;
  forget_arrived(in_to(e));
  pipe& out = out_of(e);
  if (e.error != 0 || (out.ended && !left_unread)) return;
  out.ended = true;
  push(out, {.what = left_unread ? segment::kind::reset : segment::kind::end});
}

// What the world does.

void connection::reset(int error) {
  for (endpoint& e : ends_) fail(e, error);
}

void connection::fail(endpoint& e, int error) {
  if (e.now != endpoint::state::open || e.error != 0) return;
  e.error = error;
  forget_arrived(in_to(e));
  pipe& out = out_of(e);
  out.lose();
  out.unschedule();
  out.ended = true;
  fail_sends(e, error);
  if (e.receive != nullptr) finish_receive(e, -error);
}

void connection::fail_sends(endpoint& e, int error) {
  while (!e.sends.empty()) {
    const endpoint::sending failed = e.sends.front();
    e.sends.pop_front();
    failed.from->complete(*failed.o, -error);
  }
}

void connection::vanish(endpoint& e, bool silent) {
  if (e.receive != nullptr) {
    e.receive->armed = false;
    sim_backend::forget(*e.receive);
    e.receive = nullptr;
  }
  e.canceling.unschedule();
  for (const endpoint::sending& s : e.sends) sim_backend::forget(*s.o);
  e.sends.clear();
  e.handle = -1;
  pipe& in = in_to(e);
  pipe& out = out_of(e);
  if (silent) {
    e.now = endpoint::state::vanished;
    in.arrived = 0;  // nothing acknowledges it any more: the sender tries again until it gives up
    if (!in.segments.empty()) kick(in, network_.clock().now());
    return;
  }
  e.now = endpoint::state::closed;
  forget_arrived(in);
  if (e.error == 0) {
    out.ended = true;
    push(out, {.what = segment::kind::reset});
  }
}

// Bytes on their way.

void pipe::fire() { whole->arrive(*this); }

/// The pipe looks at its first segment at `at` or earlier.
void connection::kick(pipe& p, base::instant at) {
  if (!p.scheduled() || p.at() > at) network_.clock().schedule(p, at);
}

void connection::push(pipe& p, segment s) {
  p.last = s.at = std::max(p.last, network_.clock().now() + network_.delay(random_));
  p.unread += s.bytes.size();
  p.segments.push_back(std::move(s));
  kick(p, p.segments[p.arrived].at);
}

/// Segments that are due reach the other end, unless something is between.
void connection::arrive(pipe& p) {
  endpoint& receiver = ends_[1 - p.from];
  const base::instant now = network_.clock().now();
  while (p.arrived < p.segments.size() && p.segments[p.arrived].at <= now) {
    if (!lets_through(p)) {
      stall(p);
      break;
    }
    p.stalled = {};
    const auto first = p.segments.begin() + static_cast<ptrdiff_t>(p.arrived);
    const bool refused = receiver.now != endpoint::state::open || receiver.error != 0;
    if (first->what == segment::kind::end || (first->what == segment::kind::data && !refused && !receiver.shut)) {
      ++p.arrived;
      continue;
    }
    const segment taken = std::move(*first);
    p.segments.erase(first);
    if (taken.what == segment::kind::reset) {
      fail(receiver, ECONNRESET);
      continue;
    }
    // Bytes that nobody will read. A socket that is gone says so; one that was shut only takes them
    // away.
    p.unread -= taken.bytes.size();
    if (refused) {
      push(pipes_[1 - p.from], {.what = segment::kind::reset});
    } else {
      pump(p);
    }
  }
  if (p.arrived < p.segments.size() && !p.scheduled()) kick(p, p.segments[p.arrived].at);
  if (receiver.now == endpoint::state::open) deliver(receiver);
}

bool connection::lets_through(const pipe& p) const {
  const endpoint& to = ends_[1 - p.from];
  return !stranded_ && to.now != endpoint::state::vanished && !network_.blocked(*ends_[p.from].home, *to.home);
}

void pipe::lose() {
  segments.clear();
  arrived = 0;
  unread = 0;
}

/// Nothing gets through: try again later, and give up in the end. Nobody tries again for a machine that is gone.
void connection::stall(pipe& p) {
  if (ends_[p.from].now == endpoint::state::vanished) return p.lose();
  const base::instant now = network_.clock().now();
  if (p.stalled == base::instant{}) p.stalled = now;
  if (now - p.stalled > network_.faults.silence) {
    endpoint& from = ends_[p.from];
    const bool told = from.now == endpoint::state::open && from.error == 0;
    fail(from, ETIMEDOUT);
    p.stalled = {};
    if (told && ends_[1 - p.from].now == endpoint::state::open) {
      push(p, {.what = segment::kind::reset});  // should they meet again
    } else {
      p.lose();
    }
    return;
  }
  kick(p, now + base::milliseconds(random_.between(20, 200)));
}

/// Arrived bytes go to the receive that is armed.
void connection::deliver(endpoint& e) {
  pipe& in = in_to(e);
  while (e.receive != nullptr) {
    if (e.error != 0) return finish_receive(e, -e.error);
    if (e.shut) return finish_receive(e, 0);
    if (in.arrived == 0) return;
    if (in.segments.front().what == segment::kind::end) return finish_receive(e, 0);
    if (!hand_over(e, in)) return;
  }
}

/// One lent buffer of bytes. False where the receive ended.
bool connection::hand_over(endpoint& e, pipe& in) {
  reactor::lent_buffer* buffer = e.receiver->pool().lend();
  if (buffer == nullptr) {
    finish_receive(e, -ENOBUFS);
    return false;
  }
  segment& s = in.segments.front();
  const size_t n = std::min<size_t>(e.receiver->pool().buffer_bytes(), s.bytes.size() - s.taken);
  std::memcpy(buffer->data, s.bytes.data() + s.taken, n);
  buffer->size = static_cast<uint32_t>(n);
  e.receive->arrived.push_back(*buffer);
  e.receiver->answer(*e.receive);
  network_.bytes_delivered += n;
  s.taken += n;
  in.unread -= n;
  if (s.taken == s.bytes.size()) {
    in.segments.pop_front();
    --in.arrived;
  }
  pump(in);
  if (e.receive != nullptr && (e.receive->single || random_.chance(network_.faults.multishot_end))) finish_receive(e, 1);
  return e.receive != nullptr;
}

void connection::finish_receive(endpoint& e, int64_t result) {
  reactor::receive_op& o = *e.receive;
  o.armed = false;
  e.receive = nullptr;
  e.canceling.unschedule();
  e.receiver->complete(o, result);
}

/// Sends go into the pipe as far as its window lets them.
void connection::pump(pipe& p) {
  endpoint& e = ends_[p.from];
  while (!e.sends.empty()) {
    endpoint::sending& s = e.sends.front();
    while (s.piece < s.o->iov_count && s.offset == s.o->iov[s.piece].iov_len) {
      ++s.piece;
      s.offset = 0;
    }
    if (s.piece == s.o->iov_count) {
      s.from->complete_in(*s.o, static_cast<int64_t>(s.sent), moment(random_));
      e.sends.pop_front();
      continue;
    }
    if (!take_piece(s, p)) return;
    if (network_.faults.reset > 0 && random_.chance(network_.faults.reset)) return reset(ECONNRESET);
  }
}

/// Moves one segment of a send into the pipe. False where the window is full.
bool connection::take_piece(endpoint::sending& s, pipe& p) {
  if (p.unread >= p.window) return false;
  const uint64_t longest = std::max<uint64_t>(1, network_.faults.segment_bytes_max);
  const uint64_t drawn = std::min(longest, 1 + random_.below(uint64_t{1} << random_.below(18)));
  uint64_t room = std::min(drawn, p.window - p.unread);
  segment made;
  while (room > 0 && s.piece < s.o->iov_count) {
    const iovec& piece = s.o->iov[s.piece];
    const size_t n = std::min<size_t>(room, piece.iov_len - s.offset);
    const auto* bytes = static_cast<const uint8_t*>(piece.iov_base) + s.offset;
    made.bytes.insert(made.bytes.end(), bytes, bytes + n);
    room -= n;
    s.offset += n;
    s.sent += n;
    if (s.offset == piece.iov_len) {
      ++s.piece;
      s.offset = 0;
    }
  }
  push(p, std::move(made));
  return true;
}

}  // namespace millrace::sim
