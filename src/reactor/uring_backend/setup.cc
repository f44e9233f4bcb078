#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "reactor/uring_backend/required.hh"
#include "reactor/uring_backend/uring_backend.hh"

namespace millrace::reactor {

namespace {

/// Entries of the completion queue that are kept for what takes completions beside the ops: the
/// bell, failed cancels and wakes.
unsigned kept_beside(unsigned completions) { return std::min(64u, completions / 4); }

}  // namespace

unsigned connections_max(const uring_options& options) noexcept {
  constexpr unsigned short_ones = 2048;
  const unsigned usable = options.completions - kept_beside(options.completions);
  return (usable - std::min(short_ones, usable / 4)) / 2;
}

base::result<std::unique_ptr<uring_backend>> uring_backend::make(uring_options options, memory& from,
                                                                 mail_exchange& exchange) {
  ASSERT(options.id.value() < exchange.cores());
  std::unique_ptr<uring_backend> made(new uring_backend(options, exchange));
  TRY_CHECK(made->set_up(from));
  return made;
}

uring_backend::uring_backend(uring_options options, mail_exchange& exchange)
    : options_(options), exchange_(exchange), mailed_flags_(exchange.cores()), spin_(options_.spin_max) {
  mailed_.reserve(exchange.cores());
}

base::result<void> uring_backend::set_up(memory& from) {
  io_uring_params params{};
  params.flags = uring::setup_flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  params.cq_entries = options_.completions;
  if (const int answer = io_uring_queue_init_params(options_.submissions, &ring_, &params); answer < 0) {
    const bool memory_short = answer == -ENOMEM || answer == -EMFILE || answer == -ENFILE;
    return base::fail(memory_short ? base::errc::no_memory : base::errc::unsupported, -answer);
  }
  ring_made_ = true;
  if (uring::missing(ring_) != nullptr) return base::fail(base::errc::unsupported, ENOSYS);
  (void)io_uring_register_ring_fd(&ring_);  // saves a lookup per call; works without
  in_kernel_max_ = params.cq_entries - kept_beside(params.cq_entries);
  connections_max_ = connections_max(options_);
  headers_ = std::make_unique<msghdr[]>(params.sq_entries);

  if (io_uring_probe* const probe = io_uring_get_probe_ring(&ring_); probe != nullptr) {
    has_ftruncate_ = io_uring_opcode_supported(probe, uring::op_ftruncate) != 0;
    has_zero_copy_ = io_uring_opcode_supported(probe, IORING_OP_SENDMSG_ZC) != 0;
    io_uring_free_probe(probe);
  }
  // The kernel counts apart the workers for files and those for all else (splices, mostly); 0 would
  // leave its own number.
  unsigned workers[2] = {std::max(1u, options_.workers_max - 1), 1};
  (void)io_uring_register_iowq_max_workers(&ring_, workers);
  if (options_.worker_cpus) {
    (void)io_uring_register_iowq_aff(&ring_, sizeof(cpu_set_t), &*options_.worker_cpus);
  }

  TRY(buffers_, uring::receive_buffers::make(ring_, from, options_.receive_buffers, options_.receive_buffer_bytes));
  event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event_ < 0) return base::fail_errno(errno);
  arm_bell();
  exchange_.connect(options_.id, ring_.ring_fd, event_);
  return {};
}

uring_backend::~uring_backend() {
  if (event_ >= 0) {
    exchange_.connect(options_.id, -1, -1);
    close(event_);
  }
  for (const held_accept& held : held_) {
    if (held.result >= 0) close(held.result);
  }
  if (ring_made_) io_uring_queue_exit(&ring_);
  close_pipes();
  for (const int lock : locks_) close(lock);
}

}  // namespace millrace::reactor
