#include "reactor/probe_ring.hh"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "reactor/uring_backend/required.hh"

namespace millrace::reactor {

namespace {

constexpr unsigned entries = 8;
constexpr size_t page = 4096;
constexpr int patience_seconds = 2;

class descriptors {
 public:
  ~descriptors() {
    for (const int one : all_) {
      if (one >= 0) close(one);
    }
  }
  int keep(int handle) {
    for (int& place : all_) {
      if (place < 0) return place = handle;
    }
    return handle;
  }

 private:
  int all_[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
};

/// Two ends of a TCP connection over loopback.
bool loopback_pair(descriptors& own, int ends[2]) {
  const int listening = own.keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  if (listening < 0 || bind(listening, plain, size) != 0 || listen(listening, 1) != 0 ||
      getsockname(listening, plain, &size) != 0) {
    return false;
  }
  ends[0] = own.keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (ends[0] < 0 || connect(ends[0], plain, size) != 0) return false;
  ends[1] = own.keep(accept4(listening, nullptr, nullptr, SOCK_CLOEXEC));
  return ends[1] >= 0;
}

/// One ring, and what is asked of it.
class trial {
 public:
  trial() : error_(-io_uring_queue_init(entries, &ring_, uring::setup_flags)) {}
  ~trial() {
    if (error_ == 0) io_uring_queue_exit(&ring_);
  }
  trial(const trial&) = delete;
  trial& operator=(const trial&) = delete;

  int error() const { return error_; }
  io_uring& ring() { return ring_; }
  io_uring_sqe& entry() { return *io_uring_get_sqe(&ring_); }
  /// Submits, and waits for the next completion. False where none comes.
  bool next(io_uring_cqe& out) {
    __kernel_timespec limit{.tv_sec = patience_seconds, .tv_nsec = 0};
    io_uring_cqe* found = nullptr;
    if (io_uring_submit_and_wait_timeout(&ring_, &found, 1, &limit, nullptr) < 0 || found == nullptr) return false;
    out = *found;
    io_uring_cqe_seen(&ring_, found);
    return true;
  }

 private:
  io_uring ring_{};
  const int error_;
};

std::string refusal(int error) { return std::string("no: ") + std::strerror(error); }

void try_operations(trial& t, ring_offers& offers) {
  io_uring_probe* const known = io_uring_get_probe_ring(&t.ring());
  if (known == nullptr) return;
  offers.ftruncate = io_uring_opcode_supported(known, uring::op_ftruncate) != 0;
  offers.messages_to_rings = io_uring_opcode_supported(known, IORING_OP_MSG_RING) != 0;
  io_uring_free_probe(known);
}

/// A receive that stays armed and takes its memory from a ring of buffers.
void try_receive(trial& t, ring_offers& offers) {
  descriptors own;
  int ends[2];
  const std::unique_ptr<uint8_t, void (*)(void*)> memory(static_cast<uint8_t*>(std::aligned_alloc(page, 2 * page)),
                                                         std::free);
  if (memory == nullptr || !loopback_pair(own, ends)) return;
  std::memset(memory.get(), 0, 2 * page);
  auto* const buffers = reinterpret_cast<io_uring_buf_ring*>(memory.get());
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uintptr_t>(buffers);
  registration.ring_entries = entries;
  offers.buffer_rings = io_uring_register_buf_ring(&t.ring(), &registration, 0) == 0;
  if (!offers.buffer_rings) return;
  io_uring_buf_ring_init(buffers);
  io_uring_buf_ring_add(buffers, memory.get() + page, page, 0, io_uring_buf_ring_mask(entries), 0);
  io_uring_buf_ring_advance(buffers, 1);
  io_uring_sqe& sqe = t.entry();
  io_uring_prep_recv_multishot(&sqe, ends[1], nullptr, 0, 0);
  sqe.flags |= IOSQE_BUFFER_SELECT;
  sqe.buf_group = 0;
  (void)io_uring_submit(&t.ring());
  io_uring_cqe cqe{};
  if (send(ends[0], "x", 1, MSG_NOSIGNAL) == 1 && t.next(cqe)) {
    offers.multishot_receive = cqe.res == 1 && (cqe.flags & IORING_CQE_F_MORE) != 0;
  }
  // It ends before its buffer and its socket do.
  ::shutdown(ends[1], SHUT_RDWR);
  while ((cqe.flags & IORING_CQE_F_MORE) != 0 && t.next(cqe)) {
  }
  (void)io_uring_unregister_buf_ring(&t.ring(), 0);
}

void try_zero_copy(trial& t, ring_offers& offers) {
  descriptors own;
  int ends[2];
  if (!loopback_pair(own, ends)) return;
  uint8_t bytes[page] = {};
  iovec piece{bytes, sizeof bytes};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  for (const unsigned report : {unsigned{uring::send_report_usage}, 0u}) {
    io_uring_sqe& sqe = t.entry();
    io_uring_prep_sendmsg_zc(&sqe, ends[0], &header, MSG_NOSIGNAL);
    sqe.ioprio = static_cast<uint16_t>(report);
    io_uring_cqe sent{};
    if (!t.next(sent)) return;
    io_uring_cqe released{};
    const bool more = (sent.flags & IORING_CQE_F_MORE) != 0;
    // A peer that is gone lets go of the memory at once.
    ::shutdown(ends[0], SHUT_WR);
    uint8_t sink[page];
    while (sent.res > 0 && recv(ends[1], sink, sizeof sink, 0) > 0) {
    }
    if (more && !t.next(released)) return;
    if (sent.res == -EINVAL && report != 0) {
      if (!loopback_pair(own, ends)) return;
      continue;
    }
    offers.zero_copy_send = sent.res == static_cast<int>(sizeof bytes);
    const bool copied = report != 0 && (static_cast<unsigned>(released.res) & uring::notified_copied) != 0;
    offers.zero_copy_words = !offers.zero_copy_send ? refusal(sent.res < 0 ? -sent.res : EIO)
                             : copied               ? "yes (over loopback the kernel copies)"
                                                    : "yes";
    return;
  }
}

void try_splice(trial& t, ring_offers& offers) {
  descriptors own;
  int ends[2];
  int pipe_ends[2];
  if (!loopback_pair(own, ends) || pipe2(pipe_ends, O_CLOEXEC) != 0) return;
  own.keep(pipe_ends[0]);
  own.keep(pipe_ends[1]);
  const int file = own.keep(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  int step = 0;
  for (; step < 2; ++step) {
    io_uring_sqe& sqe = t.entry();
    if (step == 0) {
      io_uring_prep_splice(&sqe, file, 0, pipe_ends[1], -1, page, 0);
    } else {
      io_uring_prep_splice(&sqe, pipe_ends[0], -1, ends[0], -1, page, 0);
    }
    io_uring_cqe moved{};
    if (!t.next(moved)) return;
    if (moved.res <= 0) {
      offers.splice_words = refusal(moved.res < 0 ? -moved.res : EIO);
      return;
    }
  }
  offers.splice = true;
  offers.splice_words = "yes";
}

}  // namespace

ring_offers ask_ring() {
  ring_offers offers;
  offers.zero_copy_words = offers.splice_words = "no answer";
  trial t;
  if (t.error() != 0) {
    offers.refused = std::strerror(t.error());
    offers.zero_copy_words = offers.splice_words = "no";
    return offers;
  }
  offers.made = true;
  try_operations(t, offers);
  try_receive(t, offers);
  try_zero_copy(t, offers);
  try_splice(t, offers);
  const char* const lacks = uring::missing(t.ring());
  if (lacks != nullptr) {
    offers.refused = std::string("it lacks ") + lacks;
  } else if (!offers.buffer_rings || !offers.multishot_receive) {
    offers.refused = "it lacks receives that stay armed";
  }
  return offers;
}

}  // namespace millrace::reactor
