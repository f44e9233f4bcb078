#pragma once

#include <coroutine>
#include <span>
#include <string>

#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/op.hh"
#include "reactor/task.hh"
#include "reactor/wait.hh"

/// A connected TCP socket on one core: receives lent buffers while armed, one gathering send in flight at a time.

namespace millrace::reactor {

class socket {
 public:
  socket(core& on, int handle);
  socket(const socket&) = delete;
  socket& operator=(const socket&) = delete;
  /// Closed before it dies, or abandoned.
  ~socket();

  /// What a receive yields.
  struct received {
    lent_buffer* buffer = nullptr;  ///< null at the end
    int error = 0;                  ///< at the end: 0 the peer closed, errno otherwise (ECANCELED after pause())
  };
  class receive_awaiter;
  /// The next arrived bytes, in order. Arms the receive where it is not armed. The buffer goes back with
  /// give_back() before the caller suspends again.
  receive_awaiter receive();
  bool has_arrived() const noexcept { return !receive_.arrived.empty(); }
  /// The next of what has arrived, without waiting; only where has_arrived().
  lent_buffer& next_arrived() { return receive_.arrived.pop_front(); }
  void give_back(lent_buffer& b) { core_.effects().give_back(b); }
  /// From now on buffer by buffer: no more is taken from the peer than receive() was called for. Dearer; for who may have
  /// no place for what comes.
  void receive_singly(bool on);
  /// Stops reading: cancels the receive; what was already on its way stays in order for later receives.
  void pause();

  class send_awaiter;
  /// Sends all pieces; they and their memory live until it returns. 0 or a negative errno that ends the connection.
  send_awaiter send(std::span<const iovec> pieces);

  /// Tells the peer that nothing more comes, while it may still send. When no send is in flight; none may follow.
  task<void> end_sending();
  /// Ends both directions; a waiting receive ends.
  void shutdown();
  /// Waits for operations in flight, gives buffers back, closes. `reset`: the peer gets no more of what was sent, and
  /// zero-copy sends release their memory soon. (Those release it without the socket, and may outlive it.)
  task<void> close(bool reset = false);
  void abandon() noexcept;
  int handle() const noexcept { return handle_; }
  std::string peer_name() { return core_.effects().peer_name(handle_); }

 private:
  class stream final : public receive_op {
   public:
    explicit stream(socket& owner) : owner_(owner) {}
    void run(core& on) override;
    const char* what() const noexcept override { return "receive"; }

   private:
    socket& owner_;
  };
  class ending final : public op {
   public:
    explicit ending(socket& owner) : op(op_kind::shutdown), owner_(owner) {}
    void run(core& on) override;

   private:
    socket& owner_;
  };

  core& core_;
  int handle_;
  stream receive_;
  ending shutdown_;
  std::coroutine_handle<> reader_;  // who waits in receive()
  wait_list idle_;                  // close() waits here for operations to end
  bool ended_ = false;              // the receive ended for good, receive_.result says why
  bool paused_ = false;             // pause() was called after the last receive()
  bool sending_ = false;
  bool shut_ = false;

  void arm();
  void note_end();
  bool quiet() const noexcept { return !receive_.in_flight && !shutdown_.in_flight && !sending_; }
};

/// co_await socket.receive(): yields `received`.
class socket::receive_awaiter {
 public:
  explicit receive_awaiter(socket& owner) : owner_(owner) {}
  bool await_ready() const noexcept { return owner_.has_arrived() || owner_.ended_; }
  void await_suspend(std::coroutine_handle<> h);
  received await_resume() noexcept;

 private:
  socket& owner_;
};

/// co_await socket.send(pieces): yields 0 or a negative errno.
class socket::send_awaiter final : public op {
 public:
  send_awaiter(socket& owner, std::span<const iovec> pieces);
  bool await_ready() const noexcept { return iov_count == 0; }
  void await_suspend(std::coroutine_handle<> h);
  int await_resume() const noexcept { return result < 0 ? static_cast<int>(result) : 0; }
  void run(core& on) override;
  const char* what() const noexcept override { return "send"; }

 private:
  socket& owner_;
  std::coroutine_handle<> sender_;
};

inline socket::receive_awaiter socket::receive() { return receive_awaiter(*this); }
inline socket::send_awaiter socket::send(std::span<const iovec> pieces) { return send_awaiter(*this, pieces); }

/// Connects to a numeric address.
task<base::result<int>> connect(core& on, std::string address, uint16_t port);

}  // namespace millrace::reactor
