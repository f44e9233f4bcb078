#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "reactor/uring_backend/uring_backend.hh"

namespace millrace::reactor {

namespace {

using uring::file_send;

/// Empty pipes that are kept: each has two descriptors.
constexpr size_t idle_pipes_max = 64;

void close_pipe(file_send& s) {
  if (s.read_end >= 0) close(std::exchange(s.read_end, -1));
  if (s.write_end >= 0) close(std::exchange(s.write_end, -1));
}

bool open_pipe(file_send& s) {
  if (s.read_end >= 0) return true;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  s.read_end = ends[0];
  s.write_end = ends[1];
  (void)fcntl(s.write_end, F_SETPIPE_SZ, file_send::piece_bytes);  // a smaller one moves less at a time
  return true;
}

/// A socket that has room has not always room for a whole piece. The worker that splices into it comes back with a part
/// after this time (of a tick of the kernel, at least) and serves the others, where without it would wait for the peer.
/// Sends of the ring do not wait in a call: they do not look at it.
void bound_wait(int socket) {
  const timeval wait{.tv_sec = 0, .tv_usec = 1000};
  (void)setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
}

}  // namespace

void uring_backend::begin_send_file(send_file_op& o) {
  if (o.length == 0) {
    answer_now(o, 0);
    return;
  }
  if (free_file_sends_.empty()) {
    free_file_sends_.push_back(static_cast<uint32_t>(file_sends_.size()));
    file_sends_.emplace_back();
  }
  o.slot = free_file_sends_.back();
  file_send& s = file_sends_[o.slot];
  if (!open_pipe(s)) {
    answer_now(o, -errno);
    return;
  }
  free_file_sends_.pop_back();
  bound_wait(o.handle);
  s.in_pipe = 0;
  s.whole = o.length;
  s.now = file_send::step::fill;
  sends_.push_back(o);
}

void uring_backend::prepare_send_file(send_file_op& o) {
  const file_send& s = file_sends_[o.slot];
  io_uring_sqe& sqe = entry();
  switch (s.now) {
    case file_send::step::fill:
      io_uring_prep_splice(&sqe, o.file, static_cast<int64_t>(o.position), s.write_end, -1,
                           static_cast<unsigned>(std::min<uint64_t>(o.length, file_send::piece_bytes)), 0);
      break;
    case file_send::step::room:
      io_uring_prep_poll_add(&sqe, o.handle, POLLOUT);
      break;
    case file_send::step::drain:
      io_uring_prep_splice(&sqe, s.read_end, -1, o.handle, -1, s.in_pipe, 0);
      break;
  }
  sqe.user_data = reinterpret_cast<uintptr_t>(static_cast<op*>(&o));
  // A peer that does not read may keep it for as long as a send.
  ++in_kernel_;
  ++sends_in_kernel_;
}

void uring_backend::complete_send_file(send_file_op& o, int result, ready_list& ready) {
  --in_kernel_;
  --sends_in_kernel_;
  file_send& s = file_sends_[o.slot];
  const bool moved_nothing = result == 0 && s.now != file_send::step::room;
  if (result == -EINTR || result == -EAGAIN) {
    ++counters_.retries;
    if (s.now == file_send::step::drain) s.now = file_send::step::room;
  } else if (result < 0 || moved_nothing) {
    // A file that ends early has lost what was promised; a socket that takes nothing is gone.
    const int64_t why = result < 0 ? result : s.now == file_send::step::fill ? -EIO : -EPIPE;
    end_send_file(o, why, ready);
    return;
  } else if (s.now == file_send::step::fill) {
    s.in_pipe = static_cast<uint32_t>(result);
    o.position += s.in_pipe;
    s.now = file_send::step::room;
  } else if (s.now == file_send::step::room) {
    s.now = file_send::step::drain;
  } else {
    s.in_pipe -= static_cast<uint32_t>(result);
    o.length -= static_cast<uint32_t>(result);
    counters_.bytes_sent += static_cast<uint32_t>(result);
    counters_.bytes_spliced += static_cast<uint32_t>(result);
    if (o.length == 0) {
      end_send_file(o, static_cast<int64_t>(s.whole), ready);
      return;
    }
    s.now = s.in_pipe > 0 ? file_send::step::room : file_send::step::fill;
  }
  sends_.push_back(o);
}

void uring_backend::end_send_file(send_file_op& o, int64_t result, ready_list& ready) {
  file_send& s = file_sends_[o.slot];
  // What is in it are bytes of a connection that is no more.
  if (s.in_pipe > 0 || free_file_sends_.size() >= idle_pipes_max) close_pipe(s);
  free_file_sends_.push_back(o.slot);
  finish(o, result, ready);
}

void uring_backend::close_pipes() {
  for (file_send& s : file_sends_) close_pipe(s);
}

}  // namespace millrace::reactor
