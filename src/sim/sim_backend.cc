#include "sim/sim_backend.hh"

#include <algorithm>
#include <cerrno>

#include "base/assert.hh"
#include "base/hash.hh"
#include "sim/node.hh"
#include "sim/world.hh"

namespace millrace::sim {

namespace {

/// One number for a core of a start of a node, so that its streams are its own.
uint64_t number_of(const node& home, base::core_id id) {
  return uint64_t{home.id().value()} << 40 | home.starts() << 16 | id.value();
}

}  // namespace

using reactor::op;
using reactor::op_kind;

sim_backend::sim_backend(world& whole, node& home, base::core_id id, unsigned core_count)
    : world_(whole),
      home_(home),
      id_(id),
      entropy_(whole.order().stream("entropy", number_of(home, id))),
      pool_(whole.order().stream("receive pool", number_of(home, id)), whole.network().faults),
      pins_(*this, whole.clock(), whole.order().stream("pinned sends", number_of(home, id)), whole.network().faults),
      file_sends_(*this, whole.order().stream("file sends", number_of(home, id))),
      lanes_(core_count) {
  for (mail_lane& lane : lanes_) lane.target = this;
}

sim_backend::~sim_backend() { ASSERT(late_.empty()); }

void sim_backend::submit(op& o) {
  ASSERT(home_.running() && !o.in_flight && !o.linked());
  o.in_flight = true;
  o.result = 0;
  switch (o.kind) {
    case op_kind::accept:
      return world_.network().accept(static_cast<reactor::accept_op&>(o), *this);
    case op_kind::connect:
      return world_.network().connect(o, *this);
    case op_kind::receive:
      return world_.network().receive(static_cast<reactor::receive_op&>(o), *this);
    case op_kind::send:
      if (o.zero_copy) pins_.begin(o);
      return world_.network().send(o, *this);
    case op_kind::send_file:
      if (!file_sends_.begin(static_cast<reactor::send_file_op&>(o))) return;
      return world_.network().send(o, *this);
    case op_kind::shutdown:
      return world_.network().shutdown(o, *this);
    case op_kind::close: {
      const open_handle* opened = home_.handles.find(o.handle);
      if (opened != nullptr && !opened->file) return world_.network().close(o, *this);
      return home_.port().start(o, *this);
    }
    default:
      ASSERT(disk_port::serves(o.kind));
      return home_.port().start(o, *this);
  }
}

void sim_backend::cancel(op& o) {
  if (!o.in_flight || !home_.running()) return;
  if (disk_port::serves(o.kind)) {
    home_.port().cancel(o);
  } else {
    world_.network().cancel(o, *this);
  }
}

void sim_backend::poll(reactor::ready_list& ready, base::instant) {
  flush_held_mail();
  if (held_accepts) world_.network().serve_held_accepts(*this);
  ready.splice_back(done_);
}

size_t sim_backend::choose(size_t count) { return world_.order().choose(count); }
base::instant sim_backend::clock() { return world_.now(); }
base::unix_ms sim_backend::wall_clock() { return world_.wall_clock() + home_.wall_offset_ms(); }

/// What came of which kind of operation, where and when.
void sim_backend::note(const op& o, uint64_t outcome) {
  const uint64_t where = number_of(home_, id_) << 8 ^ static_cast<uint64_t>(o.kind);
  world_.order().note(static_cast<uint64_t>(world_.now().ns), base::hash_combine(where, outcome));
}

void sim_backend::complete(op& o, int64_t result) {
  ASSERT(o.in_flight);
  o.result = result;
  if (o.kind == op_kind::send_file) file_sends_.end(static_cast<reactor::send_file_op&>(o));
  if (o.zero_copy && !o.sent) {
    o.sent = true;
    pins_.sent(o);
  } else {
    o.in_flight = false;
  }
  note(o, static_cast<uint64_t>(result));
  if (!o.linked()) done_.push_back(o);
}

void sim_backend::complete_in(op& o, int64_t result, base::duration delay) {
  late* waiting = lates_.take(*this, o, result);
  ASSERT(waiting != nullptr);
  late_.push_back(*waiting);
  world_.clock().schedule_in(*waiting, delay);
}

void sim_backend::late::fire() {
  sim_backend& home = backend;
  op& done = o;
  const int64_t value = result;
  list_hook<late>::unlink();
  home.lates_.give_back(this);
  home.complete(done, value);
}

void sim_backend::answer(op& o) {
  ASSERT(o.in_flight);
  note(o, UINT64_MAX);
  if (!o.linked()) done_.push_back(o);
}

// Mail.

void sim_backend::post(base::core_id target, reactor::mail& m) {
  mail_lane& lane = lane_to(target);
  if (lane.count == mail_ring || !lane.held.empty()) {
    if (lane.held.empty()) held_back_.push_back(target);
    lane.held.push_back(m);
    return;
  }
  lane.waiting.push_back(m);
  if (++lane.count == 1) lane.target->carry(lane);
}

sim_backend::mail_lane& sim_backend::lane_to(base::core_id target) const noexcept {
  return home_.backend(target.value()).lanes_[id_.value()];
}

/// Whether the next poll can send something that found a ring full.
bool sim_backend::may_flush() const noexcept {
  return std::any_of(held_back_.begin(), held_back_.end(),
                     [&](base::core_id target) { return lane_to(target).count < mail_ring; });
}

void sim_backend::flush_held_mail() {
  std::erase_if(held_back_, [&](base::core_id target) {
    mail_lane& lane = lane_to(target);
    while (!lane.held.empty() && lane.count < mail_ring) {
      lane.waiting.push_back(lane.held.pop_front());
      if (++lane.count == 1) lane.target->carry(lane);
    }
    return lane.held.empty();
  });
}

/// The first waiting mail of the lane arrives, late.
void sim_backend::carry(mail_lane& lane) {
  base::prng& random = world_.order().choices();
  const int64_t most = world_.schedule_options().mail_delay_most.ns;
  world_.clock().schedule_in(lane, base::nanoseconds(random.chance(0.5) ? 0 : random.between(0, most)));
}

void sim_backend::mail_lane::fire() { target->done_.push_back(*this); }

void sim_backend::mail_lane::run(reactor::core& on) {
  reactor::ready_item& first = waiting.pop_front();
  if (--count > 0) target->carry(*this);
  first.run(on);
}

// Plain calls.

base::result<reactor::listening> sim_backend::listen(const reactor::listen_address& where) {
  return world_.network().listen(*this, where);
}

base::result<std::vector<reactor::directory_entry>> sim_backend::list(const std::string& directory) {
  return home_.disk().list(directory);
}

base::result<uint64_t> sim_backend::size_of(const std::string& path) {
  ref<inode> found;
  if (const int status = home_.disk().find(path, found); status != 0) return base::fail_errno(-status);
  return found->image.size();
}

base::result<reactor::disk_space> sim_backend::free_space(const std::string& path) {
  ref<inode> found;
  if (const int status = home_.disk().find(path, found); status != 0) return base::fail_errno(-status);
  return reactor::disk_space{.total_bytes = home_.disk().faults.capacity_bytes, .free_bytes = home_.disk().free_bytes()};
}

base::result<void> sim_backend::lock(const std::string& path) {
  const int64_t status = home_.disk().lock(path);
  if (status == -EWOULDBLOCK) return base::fail(base::errc::locked);
  if (status != 0) return base::fail_errno(static_cast<int>(-status));
  return {};
}

std::string sim_backend::peer_name(int handle) { return world_.network().peer_name(home_, handle); }

void sim_backend::crash() {
  done_.clear();
  held_back_.clear();
  pins_.crash();
  file_sends_.crash();
  for (mail_lane& lane : lanes_) {
    lane.event::unschedule();
    lane.list_hook<>::unlink();
    lane.waiting.clear();
    lane.held.clear();
    lane.count = 0;
  }
  while (!late_.empty()) {
    late& forgotten = late_.pop_front();
    forget(forgotten.o);
    lates_.give_back(&forgotten);
  }
}

}  // namespace millrace::sim
