#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "reactor/uring_backend/uring_backend.hh"

namespace millrace::reactor {

namespace {

bool try_again(int result) { return result == -EINTR || result == -EAGAIN; }

/// What a zero-copy send is refused with where a plain one works: a kind of socket that cannot, a kernel that does
/// not report what it copied, a limit on memory that is pinned.
bool asks_for_copies(int result) {
  return result == -EOPNOTSUPP || result == -EINVAL || result == -ENOMEM || result == -ENOBUFS;
}

}  // namespace

/// Gives every completion that is there to its op.
void uring_backend::reap(ready_list& ready) {
  for (unsigned left = io_uring_cq_ready(&ring_); left > 0; --left) {
    // Copied and given back one by one: what follows from it may submit, and the kernel may post
    // meanwhile.
    const io_uring_cqe cqe = ring_.cq.cqes[*ring_.cq.khead & ring_.cq.ring_mask];
    io_uring_cq_advance(&ring_, 1);
    ++counters_.completions;
    complete(cqe, ready);
  }
}

void uring_backend::complete(const io_uring_cqe& cqe, ready_list& ready) {
  const uint64_t owner = cqe.user_data & ~tag_mask;
  const tag t = static_cast<tag>(cqe.user_data & tag_mask);
  switch (t) {
    case tag::operation:
      worked_ = true;
      complete_operation(*reinterpret_cast<op*>(owner), cqe.res, cqe.flags, ready);
      return;
    case tag::directory_synced:
    case tag::directory_closed:
      worked_ = true;
      directory_step(*reinterpret_cast<op*>(owner), t, cqe.res, ready);
      return;
    case tag::bell: {
      eventfd_t count = 0;
      (void)eventfd_read(event_, &count);
      if ((cqe.flags & IORING_CQE_F_MORE) == 0) arm_bell();
      return;
    }
    case tag::wake_failed:
      // A kernel that cannot send to such a ring, or a ring that is gone.
      exchange_.ring_bell(base::core_id(static_cast<uint32_t>(owner >> 3)));
      return;
    case tag::ignored:
    case tag::woken:
      return;
  }
}

void uring_backend::complete_operation(op& o, int result, uint32_t flags, ready_list& ready) {
  switch (o.kind) {
    case op_kind::receive:
      complete_receive(static_cast<receive_op&>(o), result, flags, ready);
      return;
    case op_kind::accept:
      complete_accept(static_cast<accept_op&>(o), result, flags, ready);
      return;
    case op_kind::send:
      complete_send(o, result, flags, ready);
      return;
    case op_kind::send_file:
      complete_send_file(static_cast<send_file_op&>(o), result, ready);
      return;
    case op_kind::sync_dir:
      directory_opened(o, result, ready);
      return;
    default:
      break;
  }
  --in_kernel_;
  switch (o.kind) {
    case op_kind::connect:
      if (result < 0) close(o.handle);
      finish(o, result < 0 ? result : o.handle, ready);
      return;
    case op_kind::read:
      if (result > 0) counters_.bytes_read += static_cast<unsigned>(result);
      break;
    case op_kind::write:
      if (result > 0) counters_.bytes_written += static_cast<unsigned>(result);
      break;
    case op_kind::close:
      finish(o, result, ready);  // the descriptor is gone after EINTR too
      return;
    default:
      break;
  }
  if (try_again(result)) {
    again(o);
  } else {
    finish(o, result, ready);
  }
}

void uring_backend::finish(op& o, int64_t result, ready_list& ready) {
  ASSERT(o.in_flight);
  o.result = result;
  o.in_flight = false;
  ready.push_back(o);
}

/// The same once more, in the next poll.
void uring_backend::again(op& o) {
  ++counters_.retries;
  waiting_.push_back(o);
}

void uring_backend::complete_send(op& o, int result, uint32_t flags, ready_list& ready) {
  if ((flags & IORING_CQE_F_NOTIF) != 0) {
    released(o, static_cast<uint32_t>(result), ready);
    return;
  }
  if ((flags & IORING_CQE_F_MORE) != 0) {
    ++o.flags;
  } else {
    --in_kernel_;
    --sends_in_kernel_;
  }
  if (result > 0) {
    o.position += static_cast<unsigned>(result);
    counters_.bytes_sent += static_cast<unsigned>(result);
    ASSERT(o.position <= o.length);
    if (o.position == o.length) {
      finish_send(o, static_cast<int64_t>(o.length), ready);
      return;
    }
    if (o.port != 0) {
      finish_send(o, -ECANCELED, ready);
      return;
    }
  } else if (o.zero_copy && !o.copied && asks_for_copies(result)) {
    o.copied = true;
  } else if (!try_again(result) || o.port != 0) {
    finish_send(o, result < 0 ? result : -EPIPE, ready);
    return;
  }
  // The rest first: an error that cut it short shows itself then.
  ++counters_.retries;
  sends_.push_front(o);
}

/// The kernel has done with the memory of one entry of a zero-copy send.
void uring_backend::released(op& o, uint32_t usage, ready_list& ready) {
  --in_kernel_;
  --sends_in_kernel_;
  --o.flags;
  if ((usage & uring::notified_copied) != 0) {
    o.copied = true;
    ++counters_.sends_copied;
  }
  if (!o.sent || o.flags != 0) return;
  o.in_flight = false;
  if (!o.linked()) ready.push_back(o);
}

/// All is sent, or no more can be.
void uring_backend::finish_send(op& o, int64_t result, ready_list& ready) {
  ASSERT(o.in_flight && !o.linked());
  o.result = result;
  o.sent = true;
  o.in_flight = o.flags != 0;
  ready.push_back(o);
}

void uring_backend::complete_receive(receive_op& o, int result, uint32_t flags, ready_list& ready) {
  if ((flags & IORING_CQE_F_BUFFER) != 0) {
    const unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;
    lent_buffer& b = buffers_->taken(id, result > 0 ? static_cast<uint32_t>(result) : 0);
    if (result > 0) {
      counters_.bytes_received += static_cast<unsigned>(result);
      o.arrived.push_back(b);
    } else {
      buffers_->give_back(b);
    }
  }
  if ((flags & IORING_CQE_F_MORE) == 0) {
    --in_kernel_;
    --receives_in_kernel_;
    o.armed = false;
    o.in_flight = false;
    if (result == -ENOBUFS) ++counters_.receives_starved;
    o.result = result > 0 || try_again(result) ? 1 : result;
  }
  if (!o.linked()) ready.push_back(o);
}

void uring_backend::complete_accept(accept_op& o, int result, uint32_t flags, ready_list& ready) {
  const bool last = (flags & IORING_CQE_F_MORE) == 0;
  if (last) --in_kernel_;
  if (last) o.armed = false;
  // In order: behind those that are held back already.
  if (holds_for(o) || (result >= 0 && o.count == accept_op::capacity)) {
    held_.push_back({&o, result, last});
    return;
  }
  hand_over(o, result, last, ready);
}

void uring_backend::hand_over(accept_op& o, int result, bool last, ready_list& ready) {
  if (result >= 0) {
    o.accepted[(o.begin + o.count) % accept_op::capacity] = result;
    ++o.count;
  }
  if (last) {
    o.in_flight = false;
    o.result = result >= 0 || try_again(result) || result == -ECONNABORTED ? 1 : result;
  }
  if ((result >= 0 || last) && !o.linked()) ready.push_back(o);
}

void uring_backend::deliver_held(ready_list& ready) {
  for (size_t left = held_.size(); left > 0; --left) {
    const held_accept next = held_.front();
    held_.pop_front();
    // An end waits too: it must not overtake. After one round of the whole queue the order is as
    // before.
    if (next.to->count == accept_op::capacity) {
      held_.push_back(next);
    } else {
      hand_over(*next.to, next.result, next.last, ready);
    }
  }
}

// sync_dir: open, fsync, close; the answer is the first error.

void uring_backend::directory_opened(op& o, int result, ready_list& ready) {
  if (result < 0) {
    --in_kernel_;
    if (try_again(result)) {
      again(o);
    } else {
      finish(o, result, ready);
    }
    return;
  }
  o.handle = result;
  io_uring_sqe& sqe = entry();
  io_uring_prep_fsync(&sqe, o.handle, 0);
  sqe.user_data = reinterpret_cast<uintptr_t>(&o) | static_cast<uint64_t>(tag::directory_synced);
}

void uring_backend::directory_step(op& o, tag t, int result, ready_list& ready) {
  if (t == tag::directory_closed) {
    --in_kernel_;
    o.handle = -1;
    finish(o, o.result, ready);
    return;
  }
  o.result = result;  // of the fsync; never tried twice
  io_uring_sqe& sqe = entry();
  io_uring_prep_close(&sqe, o.handle);
  sqe.user_data = reinterpret_cast<uintptr_t>(&o) | static_cast<uint64_t>(tag::directory_closed);
}

}  // namespace millrace::reactor
