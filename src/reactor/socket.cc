#include "reactor/socket.hh"

#include <cerrno>
#include <utility>

#include "base/assert.hh"
#include "reactor/wait.hh"

namespace millrace::reactor {

namespace {

/// Why a stream of answers may end without anything being wrong.
bool harmless(int64_t result) { return result == 1 || result == -ENOBUFS; }

}  // namespace

socket::socket(core& on, int handle) : core_(on), handle_(handle), receive_(*this), shutdown_(*this), idle_(on) {
  receive_.handle = handle;
  shutdown_.handle = handle;
}

socket::~socket() { ASSERT(core_.abandoned() || handle_ < 0); }

void socket::arm() {
  receive_.armed = true;
  core_.submit(receive_);
}

void socket::stream::run(core&) {
  if (!in_flight) owner_.note_end();
  if (owner_.reader_) {
    const bool nothing = arrived.empty() && !owner_.ended_ && !(owner_.paused_ && !in_flight);
    if (!nothing) {
      std::exchange(owner_.reader_, {}).resume();
      return;  // the socket may be gone
    }
    if (!in_flight) owner_.arm();
  }
}

/// A stream of answers ended. Whether there is more to come later, or never.
void socket::note_end() {
  if (!harmless(receive_.result) && receive_.result != -ECANCELED) ended_ = true;
  if (!idle_.empty() && quiet()) idle_.wake_all();
}

void socket::receive_awaiter::await_suspend(std::coroutine_handle<> h) {
  ASSERT(!owner_.reader_);
  owner_.reader_ = h;
  owner_.paused_ = false;
  // One that has ended but not run yet is armed again there, if it may go on.
  if (!owner_.receive_.in_flight && !owner_.receive_.linked()) owner_.arm();
}

socket::received socket::receive_awaiter::await_resume() noexcept {
  receive_op& receive = owner_.receive_;
  if (!receive.arrived.empty()) return {.buffer = &receive.arrived.pop_front(), .error = 0};
  return {.buffer = nullptr, .error = static_cast<int>(-receive.result)};
}

void socket::receive_singly(bool on) {
  if (receive_.single == on) return;
  receive_.single = on;
  if (on && receive_.in_flight) core_.cancel(receive_);  // armed again where it is waited for
}

void socket::pause() {
  paused_ = true;
  if (receive_.in_flight) core_.cancel(receive_);
}

socket::send_awaiter::send_awaiter(socket& owner, std::span<const iovec> pieces) : op(op_kind::send), owner_(owner) {
  handle = owner.handle_;
  iov = pieces.data();
  iov_count = static_cast<uint32_t>(pieces.size());
}

void socket::send_awaiter::await_suspend(std::coroutine_handle<> h) {
  ASSERT(!owner_.sending_);
  owner_.sending_ = true;
  sender_ = h;
  owner_.core_.submit(*this);
}

void socket::send_awaiter::run(core&) {
  owner_.sending_ = false;
  if (!owner_.idle_.empty() && owner_.quiet()) owner_.idle_.wake_all();
  sender_.resume();
}

task<void> socket::end_sending() {
  ASSERT(!sending_);
  if (shut_ || handle_ < 0) co_return;
  awaited_op ending(core_, op_kind::shutdown);
  ending.handle = handle_;
  ending.flags = shutdown_sends;
  co_await ending;
}

void socket::shutdown() {
  if (shut_ || handle_ < 0) return;
  shut_ = true;
  core_.submit(shutdown_);
}

void socket::ending::run(core&) {
  if (!owner_.idle_.empty() && owner_.quiet()) owner_.idle_.wake_all();
}

task<void> socket::close(bool reset) {
  ASSERT(handle_ >= 0);
  pause();
  while (!quiet()) co_await idle_.wait();
  while (!receive_.arrived.empty()) core_.effects().give_back(receive_.arrived.pop_front());
  receive_.unlink();
  if (reset) {
    awaited_op resetting(core_, op_kind::shutdown);
    resetting.handle = handle_;
    resetting.flags = shutdown_reset;
    co_await resetting;
  }
  awaited_op closing(core_, op_kind::close);
  closing.handle = std::exchange(handle_, -1);
  co_await closing;
}

void socket::abandon() noexcept { handle_ = -1; }

task<base::result<int>> connect(core& on, std::string address, uint16_t port) {
  awaited_op connecting(on, op_kind::connect);
  connecting.path = address.c_str();
  connecting.port = port;
  const int64_t handle = co_await connecting;
  if (handle < 0) co_return base::fail_errno(static_cast<int>(-handle));
  co_return static_cast<int>(handle);
}

}  // namespace millrace::reactor
