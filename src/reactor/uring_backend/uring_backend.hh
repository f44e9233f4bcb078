#pragma once

#include <sched.h>
#include <sys/socket.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reactor/backend.hh"
#include "reactor/mail_exchange.hh"
#include "reactor/memory.hh"
#include "reactor/spin.hh"
#include "reactor/uring_backend/buffers.hh"
#include "reactor/uring_backend/compat.hh"
#include "reactor/uring_backend/file_send.hh"

/// The kernel behind the seam: one io_uring of one core. Made, used and destroyed on that core's
/// thread (the ring has a single issuer). setup.cc makes it, submit.cc turns ops into submissions,
/// reap.cc completions into finished ops, splice.cc does both for send_file, wait.cc polls and
/// sleeps, plain_calls.cc holds what does not go through the ring.
///
/// One poll hands everything over in one system call. A completion is given to its op by the
/// pointer in its user data; the low bits of it say which step of the op, or which message of our
/// own, this is.
///
/// Fields of an op that its kind does not use are the backend's scratch while it is in flight: a
/// send counts in `position` what left, with `length` the whole, notes in `port` that it was
/// cancelled, and a zero-copy one counts in `flags` the notifications to come; a send_file
/// moves `position` and `length` over what left; connect and sync_dir keep their descriptor in
/// `handle`.

namespace millrace::reactor {

struct uring_options {
  base::core_id id{0};
  unsigned submissions = 1024;     ///< entries of the submission queue
  unsigned completions = 32768;    ///< entries of the completion queue; operations in flight never exceed it
  unsigned receive_buffers = 256;  ///< a power of two
  size_t receive_buffer_bytes = 65536;
  size_t send_bytes_per_turn = 1 << 20;  ///< sends run inside the submit: the rest goes first in the next turn
  base::duration spin_max = base::microseconds(200);
  unsigned workers_max = 4;  ///< kernel workers for calls that must wait (fsync, unlink, fallocate, ...); at least 2
  std::optional<cpu_set_t> worker_cpus;  ///< where they run; without, where this thread may
};

/// How many connections one ring serves: each has its armed receive and its send in the kernel, and
/// files and all else keep room beside them.
unsigned connections_max(const uring_options& options) noexcept;

class uring_backend final : public backend {
 public:
  /// On the core's own thread. `memory` gives the receive buffers; both references outlive the
  /// backend. Errors: unsupported with the errno where the kernel has no io_uring, forbids it or is
  /// too old; no_memory.
  static base::result<std::unique_ptr<uring_backend>> make(uring_options options, memory& from, mail_exchange& exchange);
  ~uring_backend() override;

  void submit(op& o) override;
  void cancel(op& o) override;
  void poll(ready_list& ready, base::instant until) override;
  base::duration poll_worked() const noexcept override { return poll_worked_; }
  bool poll_slept() const noexcept override { return poll_slept_; }
  base::instant clock() override;
  base::unix_ms wall_clock() override;
  uint64_t entropy() override;
  thread_use used() const noexcept override;
  void post(base::core_id target, mail& m) override;
  void give_back(lent_buffer& b) override { buffers_->give_back(b); }

  base::result<listening> listen(const listen_address& where) override;
  base::result<std::vector<directory_entry>> list(const std::string& directory) override;
  base::result<uint64_t> size_of(const std::string& path) override;
  base::result<disk_space> free_space(const std::string& path) override;
  base::result<void> lock(const std::string& path) override;
  std::string peer_name(int handle) override;

  backend_counters counters() const noexcept override { return counters_; }
  /// Operations that the kernel has now.
  unsigned in_kernel() const noexcept { return in_kernel_; }

 private:
  /// The low bits of a completion's user data.
  enum class tag : uint64_t { operation, directory_synced, directory_closed, ignored, woken, bell, wake_failed };
  static constexpr uint64_t tag_mask = 7;

  uring_backend(uring_options options, mail_exchange& exchange);
  base::result<void> set_up(memory& from);

  // submit.cc
  io_uring_sqe& entry();
  bool has_room() const noexcept { return in_kernel_ < in_kernel_max_; }
  bool has_room_for_receive() const noexcept { return receives_in_kernel_ < connections_max_ && has_room(); }
  bool has_room_for_send() const noexcept { return sends_in_kernel_ < connections_max_ && has_room(); }
  void start(op& o);
  void prepare(op& o);
  void prepare_file(op& o, io_uring_sqe& sqe);
  bool prepare_path(op& o, io_uring_sqe& sqe);
  void prepare_send(op& o);
  void prepare_connect(op& o);
  void prepare_receive(receive_op& o);
  void prepare_accept(accept_op& o);
  void truncate_now(op& o);
  void fill();
  void arm_bell();
  void submitted(int answer);
  void answer_now(op& o, int64_t result);
  void end_queued(op& o);
  bool holds_for(const op& o) const noexcept;

  // reap.cc
  void reap(ready_list& ready);
  void complete(const io_uring_cqe& cqe, ready_list& ready);
  void complete_operation(op& o, int result, uint32_t flags, ready_list& ready);
  void complete_send(op& o, int result, uint32_t flags, ready_list& ready);
  void released(op& o, uint32_t usage, ready_list& ready);
  void finish_send(op& o, int64_t result, ready_list& ready);
  void complete_receive(receive_op& o, int result, uint32_t flags, ready_list& ready);
  void complete_accept(accept_op& o, int result, uint32_t flags, ready_list& ready);
  void directory_opened(op& o, int result, ready_list& ready);
  void directory_step(op& o, tag t, int result, ready_list& ready);
  void finish(op& o, int64_t result, ready_list& ready);
  void again(op& o);
  void hand_over(accept_op& o, int result, bool last, ready_list& ready);
  void deliver_held(ready_list& ready);

  // splice.cc
  void begin_send_file(send_file_op& o);
  void prepare_send_file(send_file_op& o);
  void complete_send_file(send_file_op& o, int result, ready_list& ready);
  void end_send_file(send_file_op& o, int64_t result, ready_list& ready);
  void close_pipes();

  // wait.cc
  void note_mail_to(base::core_id target);
  void flush_held_mail();
  void announce_mail();
  void keep_flushes_out();
  void enter();
  void look(ready_list& ready);
  bool more_to_start() const noexcept;
  bool kernel_has_news() const noexcept;
  bool spin(ready_list& ready, base::instant until);
  void sleep(ready_list& ready, base::instant until);

  const uring_options options_;
  mail_exchange& exchange_;
  io_uring ring_{};
  bool ring_made_ = false;
  bool has_ftruncate_ = false;
  bool has_zero_copy_ = false;
  int event_ = -1;  // rung by threads without a ring
  std::unique_ptr<uring::receive_buffers> buffers_;
  unsigned in_kernel_ = 0;
  unsigned in_kernel_max_ = 0;
  // Of these the ones that last for as long as a peer likes: they may never take the room of files.
  unsigned receives_in_kernel_ = 0;
  unsigned sends_in_kernel_ = 0;
  unsigned connections_max_ = 0;

  ready_list waiting_;  // in flight for their owners, not yet in the kernel
  ready_list sends_;    // the same for sends, which have a budget of bytes per turn
  ready_list starved_;  // receives, when no buffer was left, or no room
  ready_list done_;     // answered without the kernel

  // What the kernel reads only while it takes the submissions of one turn.
  std::unique_ptr<msghdr[]> headers_;
  unsigned headers_used_ = 0;
  std::deque<std::vector<iovec>> rests_;
  std::deque<sockaddr_storage> addresses_;

  struct held_accept {
    accept_op* to;
    int result;
    bool last;
  };
  std::deque<held_accept> held_;  // for accept_ops that are full

  std::vector<uring::file_send> file_sends_;  // by slot
  std::vector<uint32_t> free_file_sends_;

  bool durable_queued_ = false;   // a durable write is in the queue
  std::vector<uint32_t> mailed_;  // cores that got mail since the last announcement
  std::vector<bool> mailed_flags_;
  std::vector<base::core_id> held_back_;  // cores whose rings were full: the exchange holds mail for them
  spin_length spin_;
  base::duration poll_worked_{};
  bool poll_slept_ = false;
  bool worked_ = false;  // a completion or mail came since the last sleep
  std::vector<int> locks_;
  backend_counters counters_;
};

}  // namespace millrace::reactor
