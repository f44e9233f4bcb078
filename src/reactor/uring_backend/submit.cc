#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "reactor/uring_backend/uring_backend.hh"

namespace millrace::reactor {

namespace {

constexpr size_t one_call_bytes_max = size_t{1} << 30;  // a length field of 32 bits, with room

int kernel_flags(uint32_t flags) {
  int out = O_CLOEXEC | ((flags & open_write) != 0 ? O_RDWR : O_RDONLY);
  if ((flags & open_create) != 0) out |= O_CREAT;
  if ((flags & open_exclusive) != 0) out |= O_EXCL;
  if ((flags & open_direct) != 0) out |= O_DIRECT;
  return out;
}

/// What a send takes of a turn's bytes. One that goes from a file takes a piece at a time.
uint64_t bytes_to_send(const op& o) {
  return o.kind == op_kind::send_file ? std::min<uint64_t>(o.length, uring::file_send::piece_bytes) : o.length - o.position;
}

/// The pieces after the first `skip` bytes, as many as one call takes.
std::vector<iovec> after(const iovec* pieces, uint32_t count, uint64_t skip) {
  std::vector<iovec> rest;
  for (uint32_t i = 0; i < count && rest.size() < IOV_MAX; ++i) {
    const iovec& piece = pieces[i];
    if (skip >= piece.iov_len) {
      skip -= piece.iov_len;
      continue;
    }
    rest.push_back({static_cast<uint8_t*>(piece.iov_base) + skip, piece.iov_len - skip});
    skip = 0;
  }
  return rest;
}

/// A numeric address. The length of what was written, 0 where it is none.
socklen_t parse_address(const char* host, uint16_t port, sockaddr_storage& out) {
  out = {};
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&out);
  if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    return sizeof *v4;
  }
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&out);
  if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return sizeof *v6;
  }
  return 0;
}

}  // namespace

void uring_backend::submit(op& o) {
  o.in_flight = true;
  o.result = 0;
  switch (o.kind) {
    case op_kind::send:
      o.position = 0;
      o.length = 0;
      o.flags = 0;
      o.port = 0;
      o.sent = false;
      o.copied = !has_zero_copy_;
      for (uint32_t i = 0; i < o.iov_count; ++i) o.length += o.iov[i].iov_len;
      if (o.length == 0) {
        o.sent = true;
        answer_now(o, 0);
      } else {
        sends_.push_back(o);
      }
      return;
    case op_kind::receive: {
      auto& receive = static_cast<receive_op&>(o);
      receive.armed = false;  // until the kernel has it
      // Behind those that starved before it, and all that waits: each gets its turn.
      if (buffers_->available() == 0 || !has_room_for_receive() || !starved_.empty() || !waiting_.empty() ||
          io_uring_sq_space_left(&ring_) == 0) {
        starved_.push_back(o);
        return;
      }
      break;
    }
    case op_kind::accept:
      static_cast<accept_op&>(o).armed = false;
      break;
    case op_kind::send_file:
      begin_send_file(static_cast<send_file_op&>(o));
      return;
    case op_kind::shutdown:
      if ((o.flags & shutdown_reset) != 0) {
        const linger none{.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(o.handle, SOL_SOCKET, SO_LINGER, &none, sizeof none);
      }
      answer_now(o, ::shutdown(o.handle, (o.flags & shutdown_sends) != 0 ? SHUT_WR : SHUT_RDWR) == 0 ? 0 : -errno);
      return;
    case op_kind::truncate:
      if (!has_ftruncate_) {
        truncate_now(o);
        return;
      }
      break;
    default:
      break;
  }
  start(o);
}

void uring_backend::cancel(op& o) {
  if (!o.in_flight) return;
  switch (o.kind) {
    case op_kind::receive:
    case op_kind::accept:
    case op_kind::connect:
    case op_kind::send:
    case op_kind::read:
      break;
    default:
      return;  // a write, or a change of names, is never taken back half done
  }
  if (o.kind == op_kind::send && o.sent) return;  // only its memory is still looked at
  if (o.kind == op_kind::accept && holds_for(o) && !static_cast<accept_op&>(o).armed) return;  // its end is coming
  const bool queued_here = o.kind == op_kind::receive  ? !static_cast<receive_op&>(o).armed
                           : o.kind == op_kind::accept ? !static_cast<accept_op&>(o).armed
                                                       : o.linked();
  if (queued_here) {
    o.unlink();
    end_queued(o);
    return;
  }
  if (o.kind == op_kind::send) o.port = 1;  // of a send that is cut short the rest is not sent
  io_uring_sqe& sqe = entry();
  io_uring_prep_cancel64(&sqe, reinterpret_cast<uintptr_t>(&o), 0);
  sqe.flags |= IOSQE_CQE_SKIP_SUCCESS;
  sqe.user_data = static_cast<uint64_t>(tag::ignored);
}

/// Ends an op that waits here for its turn. Of a send a part may be on its way.
void uring_backend::end_queued(op& o) {
  if (o.kind == op_kind::send) {
    finish_send(o, -ECANCELED, done_);
  } else {
    answer_now(o, -ECANCELED);
  }
}

/// Whether answers to `o` are held back because its owner has not taken those before.
bool uring_backend::holds_for(const op& o) const noexcept {
  for (const held_accept& held : held_) {
    if (held.to == &o) return true;
  }
  return false;
}

/// Ends an op that the kernel does not have; its owner hears of it in the next poll.
void uring_backend::answer_now(op& o, int64_t result) {
  o.result = result;
  o.in_flight = false;
  done_.push_back(o);
}

/// The next free entry. Where the queue is full, what is in it goes to the kernel now.
io_uring_sqe& uring_backend::entry() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {
    ++counters_.enters;
    submitted(io_uring_submit(&ring_));
    sqe = io_uring_get_sqe(&ring_);
  }
  return *sqe;
}

/// Notes what a submitting call answered. The kernel has read all that only the submission needed.
void uring_backend::submitted(int answer) {
  if (answer > 0) counters_.submissions += static_cast<unsigned>(answer);
  if (io_uring_sq_ready(&ring_) != 0) return;
  durable_queued_ = false;
  if (!rests_.empty()) rests_.clear();
  if (!addresses_.empty()) addresses_.clear();
}

void uring_backend::start(op& o) {
  // Those that came before go first; the queue is filled up by fill().
  if (!waiting_.empty() || !has_room() || io_uring_sq_space_left(&ring_) == 0) {
    waiting_.push_back(o);
    return;
  }
  prepare(o);
}

/// Starts what had to wait, as far as there is room: first everything else, then sends up to the
/// turn's bytes.
void uring_backend::fill() {
  while (!waiting_.empty() && has_room()) prepare(static_cast<op&>(waiting_.pop_front()));
  // No more than there are buffers: the others would only be turned away.
  for (unsigned left = buffers_->available(); left > 0 && !starved_.empty() && has_room_for_receive(); --left) {
    prepare(static_cast<op&>(starved_.pop_front()));
  }
  uint64_t bytes = 0;
  while (!sends_.empty() && has_room_for_send()) {
    op& next = static_cast<op&>(sends_.front());
    const uint64_t size = bytes_to_send(next);
    if (bytes > 0 && bytes + size > options_.send_bytes_per_turn) break;
    bytes += size;
    next.unlink();
    if (next.kind == op_kind::send_file) {
      prepare_send_file(static_cast<send_file_op&>(next));
    } else {
      prepare_send(next);
    }
  }
}

void uring_backend::prepare(op& o) {
  switch (o.kind) {
    case op_kind::send:
      prepare_send(o);
      return;
    case op_kind::connect:
      prepare_connect(o);
      return;
    case op_kind::receive:
      prepare_receive(static_cast<receive_op&>(o));
      return;
    case op_kind::accept:
      prepare_accept(static_cast<accept_op&>(o));
      return;
    default:
      break;
  }
  io_uring_sqe& sqe = entry();
  if (!prepare_path(o, sqe)) prepare_file(o, sqe);
  sqe.user_data = reinterpret_cast<uintptr_t>(&o);
  ++in_kernel_;
}

void uring_backend::prepare_file(op& o, io_uring_sqe& sqe) {
  const bool one_piece = o.iov_count == 1 && o.iov[0].iov_len <= one_call_bytes_max;
  switch (o.kind) {
    case op_kind::read:
      if (one_piece) {
        io_uring_prep_read(&sqe, o.handle, o.iov[0].iov_base, static_cast<unsigned>(o.iov[0].iov_len), o.position);
      } else {
        io_uring_prep_readv(&sqe, o.handle, o.iov, o.iov_count, o.position);
      }
      return;
    case op_kind::write:
      if (one_piece) {
        io_uring_prep_write(&sqe, o.handle, o.iov[0].iov_base, static_cast<unsigned>(o.iov[0].iov_len), o.position);
      } else {
        io_uring_prep_writev(&sqe, o.handle, o.iov, o.iov_count, o.position);
      }
      if (o.durable) sqe.rw_flags = RWF_DSYNC;
      durable_queued_ = durable_queued_ || o.durable;
      return;
    case op_kind::sync:
      io_uring_prep_fsync(&sqe, o.handle, IORING_FSYNC_DATASYNC);
      return;
    case op_kind::allocate:
      io_uring_prep_fallocate(&sqe, o.handle, 0, static_cast<off_t>(o.position), static_cast<off_t>(o.length));
      return;
    case op_kind::truncate:
      io_uring_prep_rw(uring::op_ftruncate, &sqe, o.handle, nullptr, 0, o.length);
      return;
    case op_kind::close:
      io_uring_prep_close(&sqe, o.handle);
      return;
    default:
      ASSERT(false);
  }
}

/// The kinds that name a path. False for the others.
bool uring_backend::prepare_path(op& o, io_uring_sqe& sqe) {
  switch (o.kind) {
    case op_kind::open:
      io_uring_prep_openat(&sqe, AT_FDCWD, o.path, kernel_flags(o.flags), 0644);
      return true;
    case op_kind::sync_dir:
      io_uring_prep_openat(&sqe, AT_FDCWD, o.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
      return true;
    case op_kind::rename:
      io_uring_prep_renameat(&sqe, AT_FDCWD, o.path, AT_FDCWD, o.path2, 0);
      return true;
    case op_kind::remove:
      io_uring_prep_unlinkat(&sqe, AT_FDCWD, o.path, 0);
      return true;
    case op_kind::make_dir:
      io_uring_prep_mkdirat(&sqe, AT_FDCWD, o.path, 0755);
      return true;
    case op_kind::remove_dir:
      io_uring_prep_unlinkat(&sqe, AT_FDCWD, o.path, AT_REMOVEDIR);
      return true;
    default:
      return false;
  }
}

void uring_backend::truncate_now(op& o) {
  answer_now(o, ftruncate(o.handle, static_cast<off_t>(o.length)) == 0 ? 0 : -errno);
}

void uring_backend::prepare_send(op& o) {
  io_uring_sqe& sqe = entry();
  // As many headers as entries: the one used again belongs to an entry that the kernel has taken.
  msghdr& header = headers_[headers_used_++ % ring_.sq.ring_entries];
  header = {};
  if (o.position == 0 && o.iov_count <= IOV_MAX) {
    header.msg_iov = const_cast<iovec*>(o.iov);
    header.msg_iovlen = o.iov_count;
  } else {
    std::vector<iovec>& rest = rests_.emplace_back(after(o.iov, o.iov_count, o.position));
    header.msg_iov = rest.data();
    header.msg_iovlen = rest.size();
  }
  // Those that are sent but not released take room from all others: past half of it, sends are plain.
  if (o.zero_copy && sends_in_kernel_ >= connections_max_ / 2) o.copied = true;
  // With WAITALL the kernel itself goes on when the peer makes room.
  if (o.zero_copy && !o.copied) {
    io_uring_prep_sendmsg_zc(&sqe, o.handle, &header, MSG_WAITALL | MSG_NOSIGNAL);
    sqe.ioprio |= uring::send_report_usage;
    ++counters_.sends_zero_copy;
  } else {
    io_uring_prep_sendmsg(&sqe, o.handle, &header, MSG_WAITALL | MSG_NOSIGNAL);
  }
  sqe.user_data = reinterpret_cast<uintptr_t>(&o);
  ++in_kernel_;
  ++sends_in_kernel_;
}

void uring_backend::prepare_receive(receive_op& o) {
  io_uring_sqe& sqe = entry();
  if (o.single) {
    io_uring_prep_recv(&sqe, o.handle, nullptr, options_.receive_buffer_bytes, 0);
  } else {
    io_uring_prep_recv_multishot(&sqe, o.handle, nullptr, 0, 0);
  }
  sqe.flags |= IOSQE_BUFFER_SELECT;
  sqe.buf_group = uring::receive_buffers::group;
  sqe.user_data = reinterpret_cast<uintptr_t>(static_cast<op*>(&o));
  o.armed = true;
  ++in_kernel_;
  ++receives_in_kernel_;
}

void uring_backend::prepare_accept(accept_op& o) {
  io_uring_sqe& sqe = entry();
  io_uring_prep_multishot_accept(&sqe, o.handle, nullptr, nullptr, SOCK_CLOEXEC);
  sqe.user_data = reinterpret_cast<uintptr_t>(static_cast<op*>(&o));
  o.armed = true;
  ++in_kernel_;
}

void uring_backend::prepare_connect(op& o) {
  sockaddr_storage address;
  const socklen_t size = parse_address(o.path, o.port, address);
  if (size == 0) {
    answer_now(o, -EINVAL);
    return;
  }
  o.handle = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (o.handle < 0) {
    answer_now(o, -errno);
    return;
  }
  const int on = 1;
  (void)setsockopt(o.handle, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  io_uring_sqe& sqe = entry();
  sockaddr_storage& kept = addresses_.emplace_back(address);
  io_uring_prep_connect(&sqe, o.handle, reinterpret_cast<sockaddr*>(&kept), size);
  sqe.user_data = reinterpret_cast<uintptr_t>(&o);
  ++in_kernel_;
}

void uring_backend::arm_bell() {
  io_uring_sqe& sqe = entry();
  io_uring_prep_poll_multishot(&sqe, event_, POLLIN);
  sqe.user_data = static_cast<uint64_t>(tag::bell);
}

}  // namespace millrace::reactor
