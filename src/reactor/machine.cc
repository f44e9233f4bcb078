#include "reactor/machine.hh"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

namespace millrace::reactor {

namespace {

void to_stderr(void*, std::string_view line) {
  std::string whole(line);
  whole += '\n';
  (void)!write(STDERR_FILENO, whole.data(), whole.size());
}

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, SIGQUIT);
  return set;
}

}  // namespace

machine::machine(machine_options options, core_program& program)
    : options_(std::move(options)),
      program_(program),
      exchange_(static_cast<unsigned>(options_.cpus.size())),
      log_(static_cast<unsigned>(options_.cpus.size()), options_.log_descriptor) {
  for (size_t i = 0; i < options_.cpus.size(); ++i) orders_.push_back(std::make_unique<stop_order>(program_));
  CPU_ZERO(&allowed_);
  (void)sched_getaffinity(0, sizeof allowed_, &allowed_);
}

machine::~machine() {
  if (!threads_.empty()) request_stop();
  join();
}

base::result<void> machine::start() {
  ASSERT(threads_.empty());
  for (unsigned i = 0; i < cores(); ++i) threads_.emplace_back([this, i] { run_core(i); });
  {
    std::unique_lock guard(lock_);
    met_.wait(guard, [this] { return failed_ ? ended_ == cores() : started_ == cores(); });
    if (!failed_) return {};
  }
  join();
  return base::failure{*failed_};
}

void machine::request_stop() {
  if (stop_requested_.exchange(true)) return;
  for (unsigned i = 0; i < cores(); ++i) exchange_.post_from_outside(base::core_id(i), *orders_[i]);
}

void machine::join() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

/// Counts this thread in and waits for the others. False where one of them failed.
bool machine::meet(unsigned& count) {
  std::unique_lock guard(lock_);
  ++count;
  met_.notify_all();
  met_.wait(guard, [&] { return count == cores(); });
  return !failed_;
}

void machine::run_core(unsigned index) {
  const auto fail = [this](const base::error& why) {
    const std::lock_guard guard(lock_);
    if (!failed_) failed_ = why;
  };
  log_writer::channel& channel = log_.of(index);
  base::logger log(base::core_id(index), options_.log_least, &channel, log_writer::channel::sink,
                   log_writer::channel::wall_clock);
  std::unique_ptr<reactor::memory> own_memory;
  std::unique_ptr<uring_backend> backend;
  const auto build = [&]() -> base::result<void> {
    TRY_CHECK(pin(index));
    TRY(own_memory, reactor::memory::reserve(options_.memory_bytes));
    own_memory->touch(options_.touched_at_start);
    TRY(backend, uring_backend::make(ring_options(index), *own_memory, exchange_));
    return {};
  };
  if (const base::result<void> built = build(); !built) fail(built.error());
  if (meet(made_)) {
    const core_options options{.id = base::core_id(index),
                               .core_count = cores(),
                               .stall_threshold = options_.stall_threshold,
                               .touch_when_idle = options_.touch_when_idle};
    core on(options, *backend, *own_memory, log);
    program_.start(on);
    meet(started_);
    on.run();
    program_.finish(on);
    // A ring stays until nobody sends mail any more.
    meet(ended_);
    on.abandon();
    return;
  }
  meet(ended_);
}

base::result<void> machine::pin(unsigned index) const {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(options_.cpus[index], &set);
  if (const int answer = pthread_setaffinity_np(pthread_self(), sizeof set, &set); answer != 0) {
    return base::fail(base::errc::invalid_config, answer);
  }
  const std::string name = "core-" + std::to_string(index);
  (void)pthread_setname_np(pthread_self(), name.c_str());
  return {};
}

cpu_set_t worker_cpus(const cpu_set_t& allowed, const std::vector<unsigned>& cores) {
  cpu_set_t free = allowed;
  for (const unsigned cpu : cores) {
    if (cpu < CPU_SETSIZE) CPU_CLR(cpu, &free);
  }
  return CPU_COUNT(&free) > 0 ? free : allowed;
}

uring_options machine::ring_options(unsigned index) const {
  uring_options ring = options_.ring;
  ring.id = base::core_id(index);
  if (CPU_COUNT(&allowed_) > 0) ring.worker_cpus = worker_cpus(allowed_, options_.cpus);
  return ring;
}

void machine::hold_signals() {
  const sigset_t set = ending_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

int machine::wait_for_signal() {
  const sigset_t set = ending_signals();
  int which = 0;
  while (sigwait(&set, &which) != 0) {
  }
  return which;
}

solo::solo()
    : exchange_(1), log_(base::core_id(0), base::log_level::info, nullptr, to_stderr, log_writer::channel::wall_clock) {}

base::result<std::unique_ptr<solo>> solo::make(size_t memory_bytes, uring_options ring) {
  std::unique_ptr<solo> made(new solo);
  TRY(made->memory_, reactor::memory::reserve(memory_bytes));
  TRY(made->backend_, uring_backend::make(ring, *made->memory_, made->exchange_));
  made->core_ = std::make_unique<core>(core_options{}, *made->backend_, *made->memory_, made->log_);
  return made;
}

}  // namespace millrace::reactor
