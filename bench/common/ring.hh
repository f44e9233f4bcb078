#pragma once

#include <liburing.h>

#include <cstdint>

#include "base/time.hh"

/// One io_uring for one thread, set up as the broker's is, with the same way of waiting: submit,
/// watch the ring for a while giving way to others now and then, then sleep in the kernel. It is
/// not the reactor: a load that ran on the code it measures would share its faults.

namespace millrace::bench {

class ring {
 public:
  /// How long to watch before sleeping; never() sleeps never.
  explicit ring(base::duration spin);
  ring(const ring&) = delete;
  ring& operator=(const ring&) = delete;
  ~ring() { io_uring_queue_exit(&ring_); }

  static constexpr base::duration never_sleep() { return {INT64_MAX}; }

  /// A cleared entry, submitted by the next wait.
  io_uring_sqe* sqe();

  /// What is submitted next holds a durable write: it goes with entries enough that no submit waits for its flush, as the
  /// broker's do (src/reactor/uring_backend/wait.cc).
  void keep_flushes_out() { fill_up_ = true; }

  /// Submits what waits and returns when there is a completion, or `until` has come.
  void wait(base::instant until = base::instant::never());

  /// Calls `each(const io_uring_cqe&)` for the completions that are there. Returns how many.
  template <class Each>
  unsigned drain(Each&& each) {
    io_uring_cqe* cqe = nullptr;
    unsigned head = 0;
    unsigned count = 0;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      ++count;
      each(static_cast<const io_uring_cqe&>(*cqe));
    }
    io_uring_cq_advance(&ring_, count);
    return count;
  }

  io_uring* raw() { return &ring_; }

 private:
  bool kernel_has_work() const;

  io_uring ring_{};
  base::duration spin_;
  bool fill_up_ = false;
};

}  // namespace millrace::bench
