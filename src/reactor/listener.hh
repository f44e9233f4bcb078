#pragma once

#include <cstdint>

#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"
#include "reactor/timer_wheel.hh"
#include "reactor/wait.hh"

/// Accepts connections on one core and hands each to a handler. Where the process has no descriptor
/// or memory for another connection it pauses and tries again: the connections wait in the kernel
/// meanwhile.

namespace millrace::reactor {

class connection_handler {
 public:
  virtual ~connection_handler() = default;
  /// A new connected socket, the handler's from now on. Called from the ready queue; must not
  /// destroy the listener.
  virtual void on_accept(int handle) = 0;
};

class listener {
 public:
  static constexpr base::duration pause = base::milliseconds(100);

  listener(core& on, connection_handler& handler);
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;
  /// Closed before it dies, or abandoned.
  ~listener();

  /// Binds and begins. Errors: io with EADDRINUSE, EACCES, EADDRNOTAVAIL; invalid_argument for a
  /// host that is not numeric.
  base::result<void> open(const listen_address& where);
  bool is_open() const noexcept { return handle_ >= 0; }
  /// The port that it listens on.
  uint16_t port() const noexcept { return port_; }
  /// Accepts no more, ends what was accepted and not handed over, closes.
  task<void> close();
  void abandon() noexcept { handle_ = -1; }

  uint64_t accepted() const noexcept { return accepted_; }
  uint64_t pauses() const noexcept { return pauses_; }

 private:
  class arrivals final : public accept_op {
   public:
    explicit arrivals(listener& owner) : owner_(owner) {}
    void run(core& on) override;
    const char* what() const noexcept override { return "accept"; }

   private:
    listener& owner_;
  };
  class resumption final : public timer {
   public:
    explicit resumption(listener& owner) : owner_(owner) {}
    void run(core& on) override;

   private:
    listener& owner_;
  };

  core& core_;
  connection_handler& handler_;
  int handle_ = -1;
  uint16_t port_ = 0;
  arrivals accept_;
  resumption resume_;
  wait_list ended_;
  bool closing_ = false;
  uint64_t accepted_ = 0;
  uint64_t pauses_ = 0;

  void hand_over();
  void after_end();
};

}  // namespace millrace::reactor
