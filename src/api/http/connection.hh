#pragma once

#include <span>
#include <string>

#include "base/intrusive_list.hh"
#include "base/time.hh"
#include "reactor/socket.hh"
#include "reactor/task.hh"
#include "reactor/timer_wheel.hh"
#include "wire/http/request_head.hh"

/// One client's connection: takes requests one after the other, in order, and answers each before it reads on. What it
/// holds is bounded: a head, and one buffer that arrived behind it. Every wait has an end: for a request, for the rest of
/// one that has begun, for the peer to take a piece of an answer.

namespace millrace::api::http {

class door;

class connection final : public base::list_hook<struct connection_tag> {
 public:
  connection(door& d, int handle);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// Serves until the connection ends and nothing of it is in flight.
  reactor::task<void> run();
  /// Ends it when the request that is being answered is through, and its client has the answer; at once where there is none.
  void end();
  /// Ends it now.
  void abort();
  void abandon() noexcept { socket_.abandon(); }

  http::door& at() noexcept { return door_; }
  /// Whether it waits for the peer to ask, to go on asking, or to close; and since when it takes no other request.
  bool waits() const noexcept { return waits_ || lingers_; }
  base::instant waits_since() const noexcept { return since_; }
  bool ended() const noexcept { return aborted_; }
  bool ending() const noexcept { return ending_; }

  // For exchanges.
  /// Sends all pieces, which stay until it returns, unless the connection ends before.
  reactor::task<void> send(std::span<const iovec> pieces);

 private:
  class watch final : public reactor::timer {
   public:
    explicit watch(connection& c) : of_(c) {}
    void run(reactor::core&) override { of_.timed_out(); }
    const char* what() const noexcept override { return "http connection's timer"; }

   private:
    connection& of_;
  };

  std::string_view unread() const noexcept { return std::string_view(received_).substr(used_); }
  reactor::task<bool> receive_more();
  reactor::task<size_t> receive_head();
  reactor::task<bool> skip_body(uint64_t bytes);
  reactor::task<bool> serve_one();
  reactor::task<void> refuse(wire::http::status s);
  reactor::task<void> linger();
  void limit_wait(base::duration length);
  void timed_out();
  void drop(size_t bytes);
  bool count_held();

  door& door_;
  reactor::socket socket_;
  watch watch_;
  std::string received_;
  size_t used_ = 0;  ///< of received_: handled
  size_t held_ = 0;  ///< counted at the door
  bool waits_ = false;
  bool ending_ = false;   ///< no further request is taken
  bool aborted_ = false;  ///< nothing more is sent
  bool lingers_ = false;  ///< all is answered: what still comes is dropped
  base::instant since_{};
  wire::http::request_head head_;
};

}  // namespace millrace::api::http
