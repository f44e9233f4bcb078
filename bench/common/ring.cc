#include "common/ring.hh"

#include <immintrin.h>
#include <sched.h>

#include <cerrno>

#include "common/die.hh"
#include "common/machine.hh"

namespace millrace::bench {

namespace {

constexpr unsigned entries_with_plug = 3;

}  // namespace

ring::ring(base::duration spin) : spin_(spin) {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CQSIZE;
  params.cq_entries = 65536;
  must(io_uring_queue_init_params(4096, &ring_, &params), "io_uring");
  must(io_uring_register_ring_fd(&ring_), "io_uring_register_ring_fd");
}

io_uring_sqe* ring::sqe() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) {
    must(io_uring_submit(&ring_), "io_uring_submit");
    entry = io_uring_get_sqe(&ring_);
  }
  return entry;
}

bool ring::kernel_has_work() const { return (IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_TASKRUN) != 0; }

void ring::wait(base::instant until) {
  while (fill_up_ && io_uring_sq_ready(&ring_) < entries_with_plug) {
    io_uring_sqe* entry = sqe();
    io_uring_prep_nop(entry);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  }
  fill_up_ = false;
  must(io_uring_submit_and_get_events(&ring_), "io_uring_submit");
  base::instant progress = now();
  for (unsigned turn = 0; io_uring_cq_ready(&ring_) == 0; ++turn) {
    if (kernel_has_work()) {
      // A receive that waits for more makes progress without a completion: the spin clock starts
      // anew. The kernel may also leave its flag up with nothing to do (seen with 6.18 after a wait that timed out).
      must(io_uring_get_events(&ring_), "io_uring_get_events");
      progress = now();
      if (progress >= until) return;
      continue;
    }
    if (turn % 8 == 7) {
      sched_yield();
    } else {
      _mm_pause();
    }
    const base::instant time = now();
    if (time >= until) return;
    if (time - progress < spin_) continue;
    __kernel_timespec timeout{};
    timeout.tv_sec = (until - time).ns / 1000000000;
    timeout.tv_nsec = (until - time).ns % 1000000000;
    io_uring_cqe* cqe = nullptr;
    const int woken = io_uring_wait_cqe_timeout(&ring_, &cqe, until == base::instant::never() ? nullptr : &timeout);
    if (woken < 0 && woken != -ETIME && woken != -EINTR) must(woken, "io_uring_wait_cqe");
    return;
  }
}

}  // namespace millrace::bench
