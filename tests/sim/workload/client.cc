#include "workload/client.hh"

#include <coroutine>
#include <utility>

#include "base/bytes.hh"
#include "reactor/wait.hh"
#include "workload/server_node.hh"

namespace millrace::swarm {

using reactor::task;

namespace {
constexpr int32_t frame_most = 256 << 20;
}  // namespace

task<bool> client::connect() {
  if (socket_) co_return true;
  std::string address = server_;
  const auto handle = co_await reactor::connect(core_, std::move(address), kafka_port);
  if (!handle) co_return false;
  socket_ = std::make_unique<reactor::socket>(core_, *handle);
  process_ = model_.process;
  order_.lost();
  buffer_.clear();
  co_return true;
}

task<void> client::drop() {
  if (!socket_) co_return;
  ++model_.lost_connections;
  socket_->shutdown();
  co_await socket_->close();
  sending_.reset();
  socket_.reset();
}

task<bool> client::send(std::vector<uint8_t> bytes) {
  co_await end_sending();
  const std::vector<uint8_t> frame = std::move(bytes);
  const iovec piece{const_cast<uint8_t*>(frame.data()), frame.size()};
  watchdog_.fired = false;
  core_.timers().arm(watchdog_, core_.now() + progress::bound);
  const base::instant since = core_.now();
  const int sent = co_await socket_->send({&piece, 1});
  core_.timers().disarm(watchdog_);
  if (watchdog_.fired) model_.watch.unanswered(model_.found, since, "a request is not taken");
  co_return sent == 0;
}

task<void> client::begin_send(std::vector<uint8_t> bytes) {
  co_await end_sending();
  sending_ = std::make_unique<sending>(*socket_, std::move(bytes));
  sending_->op.await_suspend(std::noop_coroutine());
}

task<void> client::end_sending() {
  while (sending_ && (sending_->op.in_flight || sending_->op.linked())) {
    co_await reactor::sleep(core_, base::milliseconds(1));
  }
  sending_.reset();
}

task<bool> client::fill(size_t wanted) {
  while (buffer_.size() < wanted) {
    const reactor::socket::received got = co_await socket_->receive();
    if (got.buffer == nullptr) co_return false;
    buffer_.insert(buffer_.end(), got.buffer->data, got.buffer->data + got.buffer->size);
    socket_->give_back(*got.buffer);
  }
  co_return true;
}

task<std::optional<std::vector<uint8_t>>> client::receive(const char* what) {
  watchdog_.fired = false;
  core_.timers().arm(watchdog_, core_.now() + progress::bound);
  const base::instant since = core_.now();
  std::optional<std::vector<uint8_t>> frame;
  bool there = co_await fill(4);
  if (there) {
    const int32_t length = base::load_big<int32_t>(buffer_.data());
    if (length < 4 || length > frame_most) {
      model_.safety("answers_decode", "a frame of " + std::to_string(length) + " bytes");
      there = false;
    } else {
      const size_t whole = 4 + static_cast<size_t>(length);
      there = co_await fill(whole);
      if (there) {
        frame.emplace(buffer_.begin() + 4, buffer_.begin() + static_cast<std::ptrdiff_t>(whole));
        buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(whole));
      }
    }
  }
  core_.timers().disarm(watchdog_);
  if (watchdog_.fired && !there) model_.watch.unanswered(model_.found, since, what);
  co_return frame;
}

}  // namespace millrace::swarm
