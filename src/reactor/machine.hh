#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/log.hh"
#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/log_writer.hh"
#include "reactor/mail_exchange.hh"
#include "reactor/task.hh"
#include "reactor/uring_backend/uring_backend.hh"

/// All cores of one process on the real kernel: a pinned thread each, with a ring, memory, a logger
/// and a core built on that thread, so that its memory is near it. What runs on them is a
/// core_program. Owned by main().

namespace millrace::reactor {

/// What a machine runs. One object; each function is called on each core, on that core's thread.
class core_program {
 public:
  virtual ~core_program() = default;
  /// Before the core's first turn. All cores of the machine have their rings by then: mail may be
  /// sent.
  virtual void start(core& on) = 0;
  /// The machine shall stop: comes as mail. Ends with on.stop(), at once or when everything is in
  /// order.
  virtual void stop(core& on) { on.stop(); }
  /// After the core's last turn: destroys what lives on it.
  virtual void finish(core& on) { (void)on; }
};

struct machine_options {
  std::vector<unsigned> cpus;                  ///< one core on each; may name a processor twice
  size_t memory_bytes = size_t{256} << 20;     ///< of each core
  size_t touched_at_start = size_t{64} << 20;  ///< of it, before the core starts; the rest in idle turns
  bool touch_when_idle = true;
  uring_options ring{};  ///< id and worker_cpus are set by the machine
  base::duration stall_threshold = base::milliseconds(10);
  base::log_level log_least = base::log_level::info;
  int log_descriptor = 2;
};

/// Where the kernel's workers of reactors on `cores` run: beside them, or among them where they have
/// all that is allowed.
cpu_set_t worker_cpus(const cpu_set_t& allowed, const std::vector<unsigned>& cores);

class machine {
 public:
  machine(machine_options options, core_program& program);
  machine(const machine&) = delete;
  machine& operator=(const machine&) = delete;
  /// Stops and joins.
  ~machine();

  /// Starts all cores; when it returns every one runs. On an error (the first that a core met while
  /// it was made: io_uring refused, memory not to be had) none runs.
  base::result<void> start();
  /// Asks the program to stop, once however often called. From any thread.
  void request_stop();
  /// Waits until every core has ended.
  void join();

  unsigned cores() const noexcept { return exchange_.cores(); }
  /// From any thread. `m` belongs to the target until it ran there.
  void post_from_outside(base::core_id target, mail& m) { exchange_.post_from_outside(target, m); }
  log_writer& log() noexcept { return log_; }

  /// Holds back SIGINT, SIGTERM, SIGHUP and SIGQUIT for wait_for_signal(), in this thread and those it starts, and
  /// ignores SIGPIPE. Before start().
  static void hold_signals();
  /// Waits for one of them and returns which.
  static int wait_for_signal();

 private:
  class stop_order final : public mail {
   public:
    explicit stop_order(core_program& program) : program_(program) {}
    void run(core& on) override { program_.stop(on); }

   private:
    core_program& program_;
  };

  const machine_options options_;
  cpu_set_t allowed_;  // of the process, before any thread was pinned
  core_program& program_;
  mail_exchange exchange_;
  log_writer log_;
  std::vector<std::unique_ptr<stop_order>> orders_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stop_requested_{false};

  // Where the threads meet: all made, all started, all ended.
  std::mutex lock_;
  std::condition_variable met_;
  unsigned made_ = 0;
  unsigned started_ = 0;
  unsigned ended_ = 0;
  std::optional<base::error> failed_;

  void run_core(unsigned index);
  void live(core& on);
  bool meet(unsigned& count);
  base::result<void> pin(unsigned index) const;
  uring_options ring_options(unsigned index) const;
};

/// One core on the calling thread, for tests and small programs. Nothing is pinned; the log goes to
/// stderr at once.
class solo {
 public:
  static base::result<std::unique_ptr<solo>> make(size_t memory_bytes, uring_options ring);
  solo(const solo&) = delete;
  solo& operator=(const solo&) = delete;

  core& on() noexcept { return *core_; }
  uring_backend& effects() noexcept { return *backend_; }
  /// Turns until `work` has ended, and yields its value.
  template <class T>
  T run(task<T> work) {
    core_->make_ready(begin(work.root()));
    while (!work.done()) core_->turn(base::milliseconds(100));
    return work.root().promise().take();
  }

 private:
  struct beginning final : ready_item {
    std::coroutine_handle<> frame;
    void run(core&) override { frame.resume(); }
  };
  solo();
  beginning& begin(std::coroutine_handle<> frame) {
    begin_.frame = frame;
    return begin_;
  }

  mail_exchange exchange_;
  base::logger log_;
  std::unique_ptr<reactor::memory> memory_;
  std::unique_ptr<uring_backend> backend_;
  std::unique_ptr<core> core_;
  beginning begin_;
};

}  // namespace millrace::reactor
