#include "api/http/exchange.hh"

#include <array>

#include "api/http/connection.hh"
#include "api/http/door.hh"

namespace millrace::api::http {

namespace {
namespace wh = wire::http;

iovec piece_of(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }
}  // namespace

exchange::exchange(connection& c, const wh::request_head& head) : of_(c), head_(head) {}

exchange::~exchange() { at().memory().give_back(held_); }

http::door& exchange::at() noexcept { return of_.at(); }

bool exchange::hold(size_t bytes) noexcept {
  if (!at().memory().try_take(bytes)) return false;
  held_ += bytes;
  return true;
}

bool exchange::wants_more() const noexcept { return !of_.ended() && head_.method != wh::method::head; }

wh::response_head exchange::head_of(wh::status s) const {
  return {.status = s,
          .content_type = {},
          .body_bytes = {},
          .keeps_alive = keeps_alive() && !of_.ending(),
          .allow = {},
          .now = of_.at().on().wall_clock()};
}

reactor::task<void> exchange::respond(wh::status s, std::string_view text, std::string_view allow) {
  wh::response_head head = head_of(s);
  head.content_type = "text/plain; charset=utf-8";
  head.body_bytes = text.size();
  head.allow = allow;
  closes_ = closes_ || !head.keeps_alive;
  std::string whole;
  wh::write(whole, head);
  if (head_.method != wh::method::head) whole += text;
  const iovec piece = piece_of(whole);
  co_await of_.send({&piece, 1});
}

/// A client of HTTP/1.0 does not know chunks: the end of the connection is the end of the answer.
reactor::task<void> exchange::begin(std::string_view content_type) {
  if (!head_.takes_chunks) closes_ = true;
  wh::response_head head = head_of(wh::status::ok);
  head.content_type = content_type;
  head.chunked = head_.takes_chunks;
  closes_ = closes_ || !head.keeps_alive;
  std::string whole;
  wh::write(whole, head);
  const iovec piece = piece_of(whole);
  co_await of_.send({&piece, 1});
}

reactor::task<void> exchange::flush() {
  if (!text_.empty() && wants_more()) {
    std::string size;
    if (head_.takes_chunks) wh::write_chunk_size(size, text_.size());
    const std::array<iovec, 3> pieces{piece_of(size), piece_of(text_), piece_of(wh::chunk_end)};
    std::span<const iovec> sent(pieces);
    if (!head_.takes_chunks) sent = sent.subspan(1, 1);
    co_await of_.send(sent);
  }
  text_.clear();
}

reactor::task<void> exchange::end() {
  co_await flush();
  if (!wants_more() || !head_.takes_chunks) co_return;
  const iovec piece = piece_of(wh::last_chunk);
  co_await of_.send({&piece, 1});
}

}  // namespace millrace::api::http
