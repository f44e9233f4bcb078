#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "kafka_node.hh"
#include "reactor/socket.hh"

/// A client of one connection, on a node of its own: whole frames out, whole frames in, over a simulated socket.

namespace millrace::api::kafka::test {

using frame = std::vector<uint8_t>;

/// The frame of a request.
template <class Request>
frame frame_of(const Request& request, int16_t version, int32_t correlation = 1) {
  const wire::kafka::request_header header{.request_api_key = Request::api_key,
                                           .request_api_version = version,
                                           .correlation_id = correlation,
                                           .client_id = "test"};
  const size_t body = wire::kafka::size_of(request, version);
  frame bytes(wire::kafka::request_frame_size(header, body));
  wire::kafka::writer out(bytes);
  wire::kafka::begin_request_frame(out, header, body);
  wire::kafka::encode(out, request, version);
  return bytes;
}

class kafka_client {
 public:
  explicit kafka_client(kafka_node& k) : world_(k.b.w), node_(world_.add_node()) {
    const auto handle = world_.run(node_, 0, reactor::connect(node_.core(), k.b.n.address(), kafka_node::port));
    ASSERT(handle);
    socket_ = std::make_unique<reactor::socket>(node_.core(), *handle);
  }
  ~kafka_client() {
    if (node_.running()) world_.crash(node_);
    if (receiving_) receiving_->abandon();
    socket_->abandon();
  }

  void send(const std::vector<frame>& frames) {
    frame all;
    for (const frame& f : frames) all.insert(all.end(), f.begin(), f.end());
    ASSERT(world_.run(node_, 0, send_all(&all)));
  }
  /// The next frame without its length; nothing where none comes within `limit`.
  std::optional<frame> receive(base::duration limit = base::seconds(30)) {
    if (!receiving_) receiving_ = world_.start(node_, 0, take_frame());
    if (!world_.run_until([&] { return receiving_->done(); }, limit)) return std::nullopt;
    std::optional<frame> got = receiving_->take();
    receiving_.reset();
    return got;
  }
  std::vector<frame> receive_all(size_t count) {
    std::vector<frame> all;
    while (all.size() < count) {
      auto one = receive();
      ASSERT(one);
      all.push_back(std::move(*one));
    }
    return all;
  }

 private:
  reactor::task<bool> send_all(const frame* bytes) {
    const iovec piece{const_cast<uint8_t*>(bytes->data()), bytes->size()};
    const int sent = co_await socket_->send({&piece, 1});
    co_return sent == 0;
  }
  reactor::task<std::optional<frame>> take_frame() {
    while (arrived_.size() < wanted()) {
      const reactor::socket::received got = co_await socket_->receive();
      if (got.buffer == nullptr) co_return std::nullopt;
      arrived_.insert(arrived_.end(), got.buffer->data, got.buffer->data + got.buffer->size);
      socket_->give_back(*got.buffer);
    }
    const auto end = arrived_.begin() + static_cast<std::ptrdiff_t>(wanted());
    frame got(arrived_.begin() + 4, end);
    arrived_.erase(arrived_.begin(), end);
    co_return got;
  }

  /// Bytes of the next frame with its length, as far as known.
  size_t wanted() const {
    return arrived_.size() < 4 ? 4 : 4 + static_cast<size_t>(base::load_big<int32_t>(arrived_.data()));
  }

  sim::world& world_;
  sim::node& node_;
  std::unique_ptr<reactor::socket> socket_;
  std::unique_ptr<sim::started<std::optional<frame>>> receiving_;
  frame arrived_;
};

}  // namespace millrace::api::kafka::test
