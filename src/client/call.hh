#pragma once

#include <coroutine>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "client/connection.hh"
#include "client/exchange.hh"
#include "reactor/task.hh"
#include "wire/kafka/arena.hh"

/// A request as a task: send, wait, decode. For everything that is not asked a hundred thousand times a second.

namespace millrace::client {

/// An exchange that a task waits for: co_await yields the body of the answer, or why there is none.
class waiting_call final : public exchange, private reactor::ready_item {
 public:
  explicit waiting_call(reactor::core& on) : core_(on) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> caller) { caller_ = caller; }
  base::result<std::vector<uint8_t>> await_resume() {
    if (why_) return base::failure{*why_};
    return std::move(body_);
  }

 private:
  void answered(arrival& got) override { body_.assign(got.body.begin(), got.body.end()); }
  void released() override { core_.make_ready(*this); }
  void failed(base::error why) override {
    why_ = why;
    core_.make_ready(*this);
  }
  void run(reactor::core&) override { caller_.resume(); }
  const char* what() const noexcept override { return "client call"; }

  reactor::core& core_;
  std::coroutine_handle<> caller_;
  std::vector<uint8_t> body_;
  std::optional<base::error> why_;
};

/// Whether an error is the end of the connection: the same question may be asked over another one.
inline bool connection_broke(base::error why) { return why.code == base::errc::closed || why.code == base::errc::io; }

/// A decoded answer and the memory that its views point into.
template <class Response>
struct reply {
  std::vector<uint8_t> frame;
  std::unique_ptr<wire::kafka::arena> memory = std::make_unique<wire::kafka::arena>(size_t{64} << 20);
  Response body;
};

/// Asks on an open connection in the newest version that both know, at most `most`. `request` and what it points at live
/// until this returns. Errors: unsupported, those of the connection's end, and malformed or truncated for an answer that
/// is none. An error code inside the answer is the caller's to see.
template <class Response, class Request>
reactor::task<base::result<reply<Response>>> call(connection* on, const Request* request,
                                                  int16_t most = Request::max_version,
                                                  std::optional<base::duration> timeout = {}) {
  if (!on->is_open()) co_return base::fail(base::errc::closed);
  const base::result<int16_t> version = on->version_of<Request>(most);
  if (!version) co_return version.failure();
  waiting_call waiting(on->on());
  on->send(waiting, *request,
           {.key = Request::api_key, .version = *version, .timeout = timeout.value_or(on->options().request_timeout)});
  base::result<std::vector<uint8_t>> frame = co_await waiting;
  if (!frame) co_return frame.failure();
  reply<Response> got;
  got.frame = std::move(*frame);
  wire::kafka::reader in(got.frame);
  auto body = wire::kafka::decode<Response>(in, *version, *got.memory);
  if (!body) co_return body.failure();
  got.body = std::move(*body);
  co_return got;
}

}  // namespace millrace::client
