#pragma once

#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "reactor/socket.hh"
#include "sim/world.hh"

/// A client of an HTTP door, on a node of its own in the same world: text out, answers in. It reads only when the test asks
/// for it, so it can be as rude as the test wants.

namespace millrace::api::http::test {

struct http_answer {
  int status = 0;
  std::map<std::string, std::string> fields;  ///< names as they came
  std::string body;                           ///< without its chunks
};

class http_client {
 public:
  http_client(sim::world& w, const std::string& address, uint16_t port) : world_(w), home_(w.add_node(1)) {
    std::string where = address;
    const auto handle = world_.run(home_, 0, reactor::connect(home_.core(), std::move(where), port));
    ASSERT(handle);
    socket_ = std::make_unique<reactor::socket>(home_.core(), *handle);
  }
  http_client(const http_client&) = delete;
  http_client& operator=(const http_client&) = delete;
  ~http_client() {
    if (home_.running()) world_.crash(home_);
    if (sender_) sender_->abandon();
    if (reader_) reader_->abandon();
    socket_->abandon();
  }

  static std::string get(const std::string& path, const std::string& more = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: h\r\n" + more + "\r\n";
  }
  /// Returns at once; one at a time.
  void send(std::string text) {
    ASSERT(!sender_ || sender_->done());
    leaving_ = std::move(text);
    sender_ = world_.start(home_, 0, send_all());
  }
  /// The same in the test's own time, once all is taken.
  void send_now(std::string text) {
    send(std::move(text));
    (void)world_.run_until([&] { return sender_->done(); }, base::seconds(60));
  }
  bool all_sent() const { return !sender_ || sender_->done(); }
  /// The next answer; nothing: the connection closed, or nothing came in time. `to_head`: it has no body.
  std::optional<http_answer> receive(base::duration limit = base::seconds(30), bool to_head = false) {
    if (!reader_) reader_ = world_.start(home_, 0, read_all());
    std::optional<http_answer> got;
    (void)world_.run_until([&] { return (got = take(to_head)).has_value() || closed_; }, limit);
    return got ? std::move(got) : take(to_head);
  }
  std::optional<http_answer> ask(const std::string& path) {
    send(get(path));
    return receive();
  }
  /// Whether the other side closes within `limit`; what comes is passed over.
  bool closes(base::duration limit) {
    if (!reader_) reader_ = world_.start(home_, 0, read_all());
    return world_.run_until([&] { return closed_; }, limit);
  }

 private:
  static std::optional<size_t> hex(std::string_view text) {
    size_t value = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (wrong != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
  }
  /// The bytes of a body of chunks, where it is whole; its size as it came in `*size`.
  static std::optional<std::string> chunks(std::string_view rest, size_t* size) {
    std::string body;
    const size_t whole = rest.size();
    while (true) {
      const size_t line = rest.find("\r\n");
      if (line == std::string_view::npos) return std::nullopt;
      const auto length = hex(rest.substr(0, line));
      ASSERT(length);
      rest.remove_prefix(line + 2);
      if (rest.size() < *length + 2) return std::nullopt;
      body += rest.substr(0, *length);
      ASSERT(rest.substr(*length, 2) == "\r\n");
      rest.remove_prefix(*length + 2);
      if (*length == 0) break;
    }
    *size = whole - rest.size();
    return body;
  }

  std::optional<http_answer> take(bool to_head) {
    const size_t end = arrived_.find("\r\n\r\n");
    if (end == std::string::npos) return std::nullopt;
    http_answer got;
    std::string_view head = std::string_view(arrived_).substr(0, end + 2);
    ASSERT(head.starts_with("HTTP/1.1 "));
    got.status = std::stoi(std::string(head.substr(9, 3)));
    head.remove_prefix(head.find("\r\n") + 2);
    while (!head.empty()) {
      const size_t colon = head.find(": ");
      const size_t line = head.find("\r\n");
      got.fields[std::string(head.substr(0, colon))] = head.substr(colon + 2, line - colon - 2);
      head.remove_prefix(line + 2);
    }
    const std::string_view rest = std::string_view(arrived_).substr(end + 4);
    size_t size = 0;
    if (to_head) {
    } else if (got.fields.contains("Content-Length")) {
      size = std::stoul(got.fields["Content-Length"]);
      if (rest.size() < size) return std::nullopt;
      got.body = rest.substr(0, size);
    } else if (got.fields.contains("Transfer-Encoding")) {
      auto body = chunks(rest, &size);
      if (!body) return std::nullopt;
      got.body = std::move(*body);
    } else {
      if (!closed_) return std::nullopt;
      size = rest.size();
      got.body = rest;
    }
    arrived_.erase(0, end + 4 + size);
    return got;
  }
  reactor::task<void> send_all() {
    const iovec piece{leaving_.data(), leaving_.size()};
    const int sent = co_await socket_->send({&piece, 1});
    (void)sent;
  }
  reactor::task<void> read_all() {
    while (true) {
      const reactor::socket::received got = co_await socket_->receive();
      if (got.buffer == nullptr) break;
      arrived_.append(reinterpret_cast<const char*>(got.buffer->data), got.buffer->size);
      socket_->give_back(*got.buffer);
    }
    closed_ = true;
  }

  sim::world& world_;
  sim::node& home_;
  std::unique_ptr<reactor::socket> socket_;
  std::unique_ptr<sim::started<void>> sender_;
  std::unique_ptr<sim::started<void>> reader_;
  std::string leaving_;
  std::string arrived_;
  bool closed_ = false;
};

}  // namespace millrace::api::http::test
