#include "api/http/connection.hh"

#include <algorithm>

#include "api/http/door.hh"
#include "api/http/route.hh"

namespace millrace::api::http {

namespace {
namespace wh = wire::http;
/// A body is passed over: nothing that is served takes one. A larger one ends the connection.
constexpr uint64_t body_bytes_max = 64 << 10;
/// What is kept of memory for what arrives while nothing has arrived.
constexpr size_t kept_bytes_max = 16 << 10;
/// How long, and how much, what still comes is dropped before the connection closes, unless the peer closes it: bytes that
/// nobody reads would have the kernel reset it, and the peer might not see its answer (RFC 9112 9.6).
constexpr base::duration linger_max = base::milliseconds(250);
constexpr size_t linger_bytes_max = 1 << 20;
}  // namespace

connection::connection(door& d, int handle) : door_(d), socket_(d.on(), handle), watch_(*this), since_(d.on().now()) {
  // While a request is answered nothing more is taken from the peer.
  socket_.receive_singly(true);
}

connection::~connection() { door_.memory().give_back(held_); }

reactor::task<void> connection::run() {
  while (!ending_) {
    const bool goes_on = co_await serve_one();
    if (!goes_on) break;
  }
  door_.on().timers().disarm(watch_);
  co_await socket_.close();
}

/// Takes one request and answers it. False where the connection ends with it.
reactor::task<bool> connection::serve_one() {
  const size_t size = co_await receive_head();
  if (size == 0) co_return false;
  ++door_.counters().requests;
  const wh::status parsed = wh::parse(unread().substr(0, size), head_);
  if (parsed != wh::status::ok) {
    co_await refuse(parsed);
    co_return false;
  }
  if (head_.body_bytes > body_bytes_max) {
    co_await refuse(wh::status::content_too_large);
    co_return false;
  }
  const uint64_t body = head_.body_bytes;
  door_.on().timers().disarm(watch_);  // however long our own cores take
  bool keeps_alive = false;
  {
    exchange e(*this, head_);
    // Whether the body comes after all, nobody knows.
    if (head_.expects_continue && body > 0) e.close_after();
    co_await answer(&e);
    keeps_alive = e.keeps_alive() && !aborted_;
  }
  drop(size);
  if (keeps_alive && body > 0) keeps_alive = co_await skip_body(body);
  keeps_alive = keeps_alive && !ending_;
  if (!keeps_alive) co_await linger();
  co_return keeps_alive;
}

// ---- receiving

/// The size of the next head, which is there then; 0 where the connection ends before.
reactor::task<size_t> connection::receive_head() {
  since_ = door_.on().now();
  limit_wait(door_.options().idle_max);
  bool begun = false;
  size_t looked = 0;
  while (!aborted_) {
    if (const size_t empty = wh::empty_lines(unread()); empty > 0) {
      drop(empty);
      looked = 0;
    }
    const size_t size = wh::head_size(unread(), looked);
    if (size > wh::head_bytes_max || (size == 0 && unread().size() > wh::head_bytes_max)) {
      const wh::status why = wh::too_long(unread());
      co_await refuse(why);
      co_return 0;
    }
    if (size > 0) co_return size;
    looked = unread().size();
    if (looked > 0 && !begun) limit_wait(door_.options().request_max);
    begun = begun || looked > 0;
    const bool more = co_await receive_more();
    if (!more) co_return 0;
  }
  co_return 0;
}

/// False where the peer sends nothing more, or the connection ends.
reactor::task<bool> connection::receive_more() {
  waits_ = true;
  const reactor::socket::received got = co_await socket_.receive();
  waits_ = false;
  if (got.buffer == nullptr) co_return false;
  received_.erase(0, used_);
  used_ = 0;
  received_.append(reinterpret_cast<const char*>(got.buffer->data), got.buffer->size);
  socket_.give_back(*got.buffer);
  if (!count_held()) abort();
  co_return !aborted_;
}

reactor::task<bool> connection::skip_body(uint64_t bytes) {
  limit_wait(door_.options().request_max);
  while (bytes > 0) {
    const auto here = std::min<uint64_t>(bytes, unread().size());
    drop(here);
    bytes -= here;
    if (bytes == 0) break;
    const bool more = co_await receive_more();
    if (!more) co_return false;
  }
  co_return true;
}

void connection::drop(size_t bytes) {
  used_ += bytes;
  if (used_ < received_.size()) return;
  used_ = 0;
  received_.clear();
  if (received_.capacity() > kept_bytes_max) std::string().swap(received_);  // an assignment would keep its memory
  (void)count_held();
}

/// False where all connections together hold too much.
bool connection::count_held() {
  const size_t now = received_.capacity();
  if (now > held_) {
    if (!door_.memory().try_take(now - held_)) return false;
  } else {
    door_.memory().give_back(held_ - now);
  }
  held_ = now;
  return true;
}

// ---- answering

reactor::task<void> connection::send(std::span<const iovec> pieces) {
  if (aborted_) co_return;
  limit_wait(door_.options().send_max);
  const int sent = co_await socket_.send(pieces);
  if (sent != 0) abort();
}

/// Says why a request was not understood. Where the next one begins is not known then.
reactor::task<void> connection::refuse(wh::status s) {
  ++door_.counters().refused;
  ending_ = true;
  {
    const wh::request_head none;
    exchange e(*this, none);
    e.close_after();
    co_await e.respond(s, wh::reason_of(s));
  }
  co_await linger();
}

reactor::task<void> connection::linger() {
  if (aborted_) co_return;
  co_await socket_.end_sending();
  lingers_ = true;
  limit_wait(linger_max);
  size_t dropped = 0;
  while (dropped < linger_bytes_max) {
    const reactor::socket::received got = co_await socket_.receive();
    if (got.buffer == nullptr) break;
    dropped += got.buffer->size;
    socket_.give_back(*got.buffer);
  }
}

// ---- ending

void connection::limit_wait(base::duration length) { door_.on().timers().arm(watch_, door_.on().now() + length); }

void connection::timed_out() {
  if (!lingers_) ++door_.counters().timed_out;
  abort();
}

void connection::end() {
  ending_ = true;
  if (waits_) abort();
}

void connection::abort() {
  if (aborted_) return;
  aborted_ = true;
  ending_ = true;
  socket_.shutdown();
}

}  // namespace millrace::api::http
