#pragma once

#include <string>
#include <vector>

#include "api/kafka/exchange.hh"
#include "api/kafka/frame_buffer.hh"
#include "api/kafka/reply_buffer.hh"
#include "api/kafka/request_context.hh"
#include "api/kafka/turn_allowance.hh"
#include "base/intrusive_list.hh"
#include "reactor/socket.hh"
#include "reactor/wait.hh"

/// One client's connection: cuts bytes into frames, opens an exchange for each, and sends the answers in order. Frames are
/// decoded where they were received; only what must outlive the turn is copied. Lives on the core that accepted it.

namespace millrace::api::kafka {

class door;

class connection final : public base::list_hook<struct connection_tag>, public reactor::turn_end_hook {
 public:
  connection(door& d, int handle, const listener_address& advertised);
  ~connection() override;

  /// Serves until the connection ends and nothing of it is in flight.
  reactor::task<void> run();
  /// Ends it soon: nothing more is read, what is in flight is answered.
  void end();
  /// Ends it now, for what the peer sent or did: nothing more is answered.
  void abort(const char* why);

  kafka::door& at() noexcept { return door_; }
  const listener_address& advertised() const noexcept { return advertised_; }
  void answer_ready() { door_core().at_turn_end(*this); }
  void at_turn_end() override { send_answers(); }
  void abandon() noexcept;
  base::instant last_progress() const noexcept { return last_progress_; }
  bool aborted() const noexcept { return aborted_; }
  /// Nothing more is received for now; reading goes on by itself when the requests before are through.
  void pause() { socket_.pause(); }
  /// What this connection may have checked in one turn.
  turn_allowance& checks() noexcept { return checks_; }
  /// Whether answers wait for the peer to take them.
  bool pins() const noexcept { return sender_.in_flight; }

 private:
  enum class next : uint8_t { more, memory, slow_batch, wait, stop };
  /// Handles the frames in `data`; `*used` bytes were taken. Says why it stopped before the end.
  next feed(base::mutable_bytes data, size_t* used);
  next feed_partial(base::mutable_bytes data, size_t* used);
  next handle(base::mutable_bytes frame, frame_buffer* owner);
  next handle_other(base::mutable_bytes frame, frame_buffer* owner, const wire::kafka::request_header& header,
                    size_t body_at);
  reactor::task<void> feed_slowly(std::vector<uint8_t> rest, next why);
  reactor::task<void> read_all();
  bool must_wait() noexcept;
  reactor::task<void> wait_for_answers();
  void send_answers();
  void start_send();
  void sent(int64_t result);
  void let_go_of(base::intrusive_list<exchange>& list);
  /// In flight, or completed and about to be looked at.
  bool sending() const noexcept { return sender_.in_flight || sender_.linked(); }
  void watch_idle();
  void watch_frame();
  reactor::core& door_core() noexcept;

  /// The send in flight.
  class sender final : public reactor::op {
   public:
    explicit sender(connection& c) : reactor::op(reactor::op_kind::send), of_(c) {}
    void run(reactor::core&) override { of_.sent(result); }
    const char* what() const noexcept override { return "replies"; }

   private:
    connection& of_;
  };
  class idle_timer final : public reactor::timer {
   public:
    explicit idle_timer(connection& c) : of_(c) {}
    void run(reactor::core&) override { of_.watch_idle(); }

   private:
    connection& of_;
  };

  door& door_;
  const listener_address& advertised_;
  reactor::socket socket_;
  frame_buffer partial_;
  uint8_t length_[4];
  unsigned length_have_ = 0;

  base::intrusive_list<exchange> open_;      ///< not written yet, in order of arrival
  base::intrusive_list<exchange> written_;   ///< in filling_
  base::intrusive_list<exchange> leaving_exchanges_;
  turn_allowance checks_;
  size_t unanswered_ = 0;     ///< requests whose answers have not been sent
  bool reader_waits_ = false; ///< for answers to leave, or for memory: what does not come is not the peer's fault
  reply_buffer filling_;
  reply_buffer leaving_;
  sender sender_;

  bool ending_ = false;   ///< nothing more is read
  bool aborted_ = false;  ///< nothing more is answered
  base::instant last_progress_{};
  idle_timer idle_;
  reactor::wait_list changed_;  ///< run() waits here for answers to leave
};

}  // namespace millrace::api::kafka
