#pragma once

#include <string>
#include <string_view>

#include "api/http/node_view.hh"
#include "reactor/task.hh"
#include "wire/http/request_head.hh"
#include "wire/http/response_head.hh"

/// One request and its answer, as its handler sees them. The answer is one text (respond), or made piece by piece: begin,
/// then text() and flush() in turn, then end; the peer's pace is ours, and every piece gives other tasks their turn. Where
/// the connection is gone, or the client wants the head only, what is written goes nowhere: see wants_more().

namespace millrace::api::http {

class connection;
class door;

class exchange {
 public:
  exchange(connection& c, const wire::http::request_head& head);
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;
  ~exchange();

  const wire::http::request_head& request() const noexcept { return head_; }
  http::door& at() noexcept;

  /// The whole answer; `text` stays until it returns. `allow`: with method_not_allowed.
  reactor::task<void> respond(wire::http::status s, std::string_view text, std::string_view allow = {});

  /// Takes `bytes` of what all answers may hold together, until this one has ended. False where that is used up.
  [[nodiscard]] bool hold(size_t bytes) noexcept;
  reactor::task<void> begin(std::string_view content_type);
  /// Text that is not sent yet: to be appended to.
  std::string& text() noexcept { return text_; }
  /// Whether there is so much of it that it should go.
  bool full() const noexcept { return text_.size() >= piece_bytes; }
  reactor::task<void> flush();
  reactor::task<void> end();
  bool wants_more() const noexcept;

  /// Whether the connection goes on with the next request.
  bool keeps_alive() const noexcept { return head_.keeps_alive && !closes_; }
  /// It does not: it cannot be known where the next one begins.
  void close_after() noexcept { closes_ = true; }

  /// What a piece has, and one line more.
  static constexpr size_t piece_bytes = 16 << 10;

 private:
  wire::http::response_head head_of(wire::http::status s) const;

  connection& of_;
  const wire::http::request_head& head_;
  std::string text_;
  size_t held_ = 0;
  bool closes_ = false;
};

}  // namespace millrace::api::http
