#pragma once

#include <string>
#include <vector>

#include "api/kafka/exchange.hh"
#include "api/kafka/frame_buffer.hh"
#include "api/kafka/reply_buffer.hh"
#include "api/kafka/request_context.hh"
#include "api/kafka/turn_allowance.hh"
#include "api/kafka/zero_copy_sends.hh"
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
  /// An exchange holds, or expects, more or less than before.
  void request_holds(const held_bytes& before, const held_bytes& now) noexcept;
  void request_expects(size_t before, size_t now) noexcept { expected_ += now - before; }
  /// Memory is wanted: what waits behind a fetch for new records need not wait longer.
  void hurry_parked();
  /// Of the frames that arrive at this core its own is the one that finishes, whatever the others wait for.
  bool goes_first() noexcept;
  /// Memory that it waited for may be there.
  void look_again() {
    if (reader_waits_) changed_.wake_all();
  }
  void answer_ready() { door_core().at_turn_end(*this); }
  void at_turn_end() override { send_answers(); }
  void abandon() noexcept;
  base::instant last_progress() const noexcept { return last_progress_; }
  bool aborted() const noexcept { return aborted_; }
  /// Nothing more is received for now; reading goes on by itself when the requests before are through.
  void pause();
  /// What this connection may have checked in one turn.
  turn_allowance& checks() noexcept { return checks_; }
  /// Whether answers that hold memory wait for the peer to take them.
  bool pins() const noexcept { return (sending_ || !zero_copy_.idle()) && held_.sum() > 0; }
  /// Bytes that were received of a frame for which there is no room.
  size_t unplaced() const noexcept { return reader_waits_ && partial_.active() ? rest_.capacity() : 0; }
  /// Whether nothing more is read from it.
  bool ending() const noexcept { return ending_; }
  std::string peer_name() { return socket_.peer_name(); }

  // For the sends.
  /// The send in flight ended: bytes, or a negative errno that ends the connection.
  void sent(int64_t result);
  /// The kernel has done with the memory of a send.
  void released();
  void let_go_of(base::intrusive_list<exchange>& list);

 private:
  enum class next : uint8_t { more, memory, slow_batch, wait, again, stop };
  /// Handles the frames in `data`; `*used` bytes were taken. Says why it stopped before the end; `again`: the next frame
  /// is whole and was not taken.
  next feed(base::mutable_bytes data, size_t* used);
  next feed_partial(base::mutable_bytes data, size_t* used);
  next feed_rest();
  next handle_partial();
  next handle(base::mutable_bytes frame, frame_buffer* owner);
  next handle_other(base::mutable_bytes frame, frame_buffer* owner, const wire::kafka::request_header& header,
                    size_t body_at, request_counters& counted);
  void take_up(exchange& e, request_counters& counted);
  reactor::task<void> read_all();
  bool must_wait() noexcept;
  bool no_room_to_receive() noexcept;
  void forget_frame();
  bool may_fetch() const noexcept;
  /// Whether there is something to handle that was received before.
  bool unhandled() const noexcept { return rest_at_ < rest_.size() || partial_.complete(); }
  reactor::task<void> wait_for_answers();
  reactor::task<void> wait_for_memory(base::duration length);
  void take_arrived();
  void count_held() noexcept;
  void send_answers();
  void start_send();
  void note_answered();
  void send_file(const file_piece& piece);
  reactor::task<void> close();
  void watch_idle();
  void watch_frame();
  bool may_come(int32_t frame_size);
  void begin_frame(size_t bytes) noexcept;
  void note_frame_progress() noexcept;
  bool frame_crawls() const noexcept;
  reactor::core& door_core() noexcept;

  /// How long a frame that has begun may stand still, or come on by little where others wait for its memory.
  static constexpr base::duration frame_progress_max = base::seconds(30);

  /// A plain send.
  class sender final : public reactor::op {
   public:
    explicit sender(connection& c) : reactor::op(reactor::op_kind::send), of_(c) {}
    void run(reactor::core&) override { of_.sent(result); }
    const char* what() const noexcept override { return "replies"; }

   private:
    connection& of_;
  };
  /// Of a piece that is in a file.
  class file_sender final : public reactor::send_file_op {
   public:
    explicit file_sender(connection& c) : of_(c) {}
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
  size_t frame_had_ = 0;         ///< bytes of the frame that arrives, at
  base::instant frame_since_{};  ///< when it last came on as far as it must
  uint64_t frame_refusals_ = 0;  ///< of all frames, then
  std::vector<uint8_t> rest_;    ///< received and not handled yet, while something is waited for
  size_t rest_at_ = 0;

  base::intrusive_list<exchange> open_;     ///< not written yet, in order of arrival
  base::intrusive_list<exchange> written_;  ///< in filling_
  base::intrusive_list<exchange> leaving_exchanges_;
  turn_allowance checks_;
  size_t unanswered_ = 0;  ///< requests whose answers have not been sent
  size_t expected_ = 0;    ///< bytes that fetches may yet come to hold
  held_bytes requests_;    ///< what exchanges hold
  held_bytes held_;        ///< with what the connection itself holds; counted at the door
  const size_t held_max_;
  bool fetch_waits_ = false;   ///< the next frame is a fetch, and those before it hold enough
  bool reader_waits_ = false;  ///< for answers to leave, or for memory: what does not come is not the peer's fault
  reply_buffer filling_;
  reply_buffer leaving_;
  sender sender_;
  file_sender file_sender_;
  zero_copy_sends zero_copy_;
  bool sending_ = false;  ///< a send is in flight, or has completed and is about to be looked at

  bool ending_ = false;   ///< nothing more is read
  bool aborted_ = false;  ///< nothing more is answered
  base::instant last_progress_{};
  idle_timer idle_;
  reactor::wait_list changed_;  ///< run() waits here for answers to leave
};

}  // namespace millrace::api::kafka
