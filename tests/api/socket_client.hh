#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kafka_node.hh"
#include "reactor/socket.hh"
#include "wire/kafka/message.hh"

/// A client of a kafka_node's door, on a node of its own in the same world: bytes out, frames in.
/// Nothing is read before the test asks for it, so it can be as rude as the test wants.

namespace millrace::api::kafka::test {

class socket_client {
 public:
  explicit socket_client(kafka_node& server, uint16_t port = kafka_node::port)
      : server_(server), home_(server.b.w.add_node(1)) {
    auto connecting = server_.b.w.run(home_, 0, reactor::connect(home_.core(), server_.b.n.address(), port));
    ASSERT(connecting);
    socket_ = std::make_unique<reactor::socket>(home_.core(), *connecting);
  }
  socket_client(const socket_client&) = delete;
  socket_client& operator=(const socket_client&) = delete;
  ~socket_client() {
    server_.b.w.crash(home_);
    if (sender_) sender_->abandon();
    if (reader_) reader_->abandon();
    socket_->abandon();
  }

  /// A request's frame with its length; correlation ids count from 1.
  template <class Request>
  std::vector<uint8_t> frame_of(const Request& request, int16_t version) {
    const wire::kafka::request_header header{.request_api_key = Request::api_key,
                                             .request_api_version = version,
                                             .correlation_id = ++correlation_,
                                             .client_id = "test"};
    const size_t body = wire::kafka::size_of(request, version);
    std::vector<uint8_t> frame(wire::kafka::request_frame_size(header, body));
    wire::kafka::writer out(frame);
    wire::kafka::begin_request_frame(out, header, body);
    wire::kafka::encode(out, request, version);
    return frame;
  }
  int32_t last_correlation_id() const { return correlation_; }

  /// Sends behind what was given before, as fast as the other side takes it; returns at once.
  void send(std::vector<uint8_t> bytes) {
    if (sender_ && !sender_->done()) {
      waiting_.push_back(std::move(bytes));
      return;
    }
    waiting_.push_back(std::move(bytes));
    sender_ = server_.b.w.start(home_, 0, send_all());
  }
  /// Whether all was taken.
  bool all_sent() const { return !sender_ || sender_->done(); }

  /// From now on it takes what comes.
  void read() {
    if (!reader_) reader_ = server_.b.w.start(home_, 0, read_all());
  }
  /// The next frame without its length; nothing: the connection closed, or nothing came in time.
  std::optional<std::vector<uint8_t>> receive(base::duration limit = base::seconds(60)) {
    read();
    (void)server_.b.w.run_until([this] { return whole() || closed_; }, limit);
    if (!whole()) return std::nullopt;
    const auto size = static_cast<ptrdiff_t>(4 + base::load_big<int32_t>(arrived_.data()));
    std::vector<uint8_t> frame(arrived_.begin() + 4, arrived_.begin() + size);
    arrived_.erase(arrived_.begin(), arrived_.begin() + size);
    return frame;
  }
  /// The answer to a request of this version.
  template <class Response>
  std::optional<answered<Response>> answer(int16_t version, base::duration limit = base::seconds(60)) {
    auto frame = receive(limit);
    if (!frame) return std::nullopt;
    answered<Response> got;
    got.frame = std::move(*frame);
    wire::kafka::reader in(got.frame);
    const auto header = wire::kafka::decode<wire::kafka::response_header>(
        in, wire::kafka::response_header_version(Response::api_key, version), *got.memory);
    ASSERT(header);
    got.correlation_id = header->correlation_id;
    auto body = wire::kafka::decode<Response>(in, version, *got.memory);
    ASSERT(body);
    got.body = *body;
    return got;
  }
  /// Whether the other side closes the connection within `limit`; answers are passed over.
  bool closes(base::duration limit) {
    read();
    return server_.b.w.run_until([this] { return closed_; }, limit);
  }

 private:
  bool whole() const {
    return arrived_.size() >= 4 && arrived_.size() >= 4 + static_cast<size_t>(base::load_big<int32_t>(arrived_.data()));
  }
  reactor::task<void> send_all() {
    while (!waiting_.empty()) {
      const std::vector<uint8_t> bytes = std::move(waiting_.front());
      waiting_.pop_front();
      const iovec piece{const_cast<uint8_t*>(bytes.data()), bytes.size()};
      const int sent = co_await socket_->send({&piece, 1});
      if (sent != 0) co_return;
    }
  }
  reactor::task<void> read_all() {
    while (true) {
      const reactor::socket::received got = co_await socket_->receive();
      if (got.buffer == nullptr) break;
      arrived_.insert(arrived_.end(), got.buffer->data, got.buffer->data + got.buffer->size);
      socket_->give_back(*got.buffer);
    }
    closed_ = true;
  }

  kafka_node& server_;
  sim::node& home_;
  std::unique_ptr<reactor::socket> socket_;
  std::unique_ptr<sim::started<void>> sender_;
  std::unique_ptr<sim::started<void>> reader_;
  std::deque<std::vector<uint8_t>> waiting_;
  std::vector<uint8_t> arrived_;
  bool closed_ = false;
  int32_t correlation_ = 0;
};

}  // namespace millrace::api::kafka::test
