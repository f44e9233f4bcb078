#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkers/order_on_connection.hh"
#include "reactor/socket.hh"
#include "reactor/timer_wheel.hh"
#include "wire/kafka/api_table.hh"
#include "wire/kafka/arena.hh"
#include "wire/kafka/header.hh"
#include "wire/kafka/message.hh"
#include "workload/model.hh"

/// A Kafka client of one connection: frames out, frames in, in order. Any failure ends the
/// connection; the next connect() begins another.

namespace millrace::swarm {

/// One answer; views in `body` live as long as it.
template <class Response>
struct answer {
  std::vector<uint8_t> frame;
  std::unique_ptr<wire::kafka::arena> memory = std::make_unique<wire::kafka::arena>(size_t{64} << 20);
  Response body;
};

class client {
 public:
  client(reactor::core& on, model& world, std::string server)
      : core_(on), model_(world), server_(std::move(server)), watchdog_(*this) {}
  client(const client&) = delete;
  client& operator=(const client&) = delete;
  ~client() {
    if (socket_) socket_->abandon();
  }

  bool connected() const noexcept { return socket_ != nullptr; }
  reactor::core& on() noexcept { return core_; }
  /// The broker's start whose answers come on this connection.
  unsigned process() const noexcept { return process_; }
  /// Connects where it is not; false: not now.
  reactor::task<bool> connect();
  reactor::task<void> drop();

  /// The frame of a request; its answer is due in order, unless `answered` is false.
  template <class Request>
  std::vector<uint8_t> frame_of(const Request& request, int16_t version, bool answered = true) {
    const wire::kafka::request_header header{.request_api_key = Request::api_key,
                                             .request_api_version = version,
                                             .correlation_id = ++correlation_,
                                             .client_id = "swarm"};
    const size_t body = wire::kafka::size_of(request, version);
    std::vector<uint8_t> frame(wire::kafka::request_frame_size(header, body));
    wire::kafka::writer out(frame);
    wire::kafka::begin_request_frame(out, header, body);
    wire::kafka::encode(out, request, version);
    if (answered) order_.sent(correlation_);
    return frame;
  }
  reactor::task<bool> send(std::vector<uint8_t> bytes);
  /// Sends without waiting: a broker that holds enough for one connection reads no more of it before its answers are
  /// taken. The next send waits for its end.
  reactor::task<void> begin_send(std::vector<uint8_t> bytes);
  /// The next frame without its length; nothing: the connection is gone. `what` names the request
  /// in a report.
  reactor::task<std::optional<std::vector<uint8_t>>> receive(const char* what);

  /// Decodes a frame that receive() gave. Nothing: the connection is of no use, and that was
  /// reported.
  template <class Response>
  std::optional<answer<Response>> read(std::vector<uint8_t> frame, int16_t version) {
    answer<Response> got;
    got.frame = std::move(frame);
    wire::kafka::reader in(got.frame);
    const auto header = wire::kafka::decode<wire::kafka::response_header>(
        in, wire::kafka::response_header_version(Response::api_key, version), *got.memory);
    if (header) {
      order_.answered(model_.found, header->correlation_id);
      auto body = wire::kafka::decode<Response>(in, version, *got.memory);
      if (body && in.remaining() == 0) {
        got.body = *body;
        return got;
      }
    }
    model_.safety("answers_decode", "an answer of api " + std::to_string(Response::api_key) + " version " +
                                        std::to_string(version) + " does not decode");
    return std::nullopt;
  }

 private:
  /// Ends a connection on which nothing comes.
  class watchdog final : public reactor::timer {
   public:
    explicit watchdog(client& owner) : owner_(owner) {}
    void run(reactor::core&) override {
      fired = true;
      if (owner_.socket_) owner_.socket_->shutdown();
    }
    bool fired = false;

   private:
    client& owner_;
  };
  reactor::task<bool> fill(size_t wanted);

  reactor::core& core_;
  model& model_;
  const std::string server_;
  std::unique_ptr<reactor::socket> socket_;
  order_on_connection order_;
  int32_t correlation_ = 0;
  unsigned process_ = 0;
  std::vector<uint8_t> buffer_;
  /// What begin_send() has under way.
  struct sending {
    sending(reactor::socket& on, std::vector<uint8_t> bytes)
        : frames(std::move(bytes)), piece{frames.data(), frames.size()}, op(on.send({&piece, 1})) {}
    std::vector<uint8_t> frames;
    iovec piece;
    reactor::socket::send_awaiter op;
  };
  reactor::task<void> end_sending();
  std::unique_ptr<sending> sending_;
  watchdog watchdog_;
};

}  // namespace millrace::swarm
