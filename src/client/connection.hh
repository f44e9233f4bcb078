#pragma once

#include <array>
#include <coroutine>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hh"
#include "client/exchange.hh"
#include "client/outbox.hh"
#include "reactor/scope.hh"
#include "reactor/socket.hh"
#include "reactor/timer_wheel.hh"
#include "wire/kafka/api_table.hh"
#include "wire/kafka/header.hh"
#include "wire/kafka/message.hh"

/// One connection to one broker: requests leave pipelined, all of a turn in one send; answers come back in the same order
/// and are held against their correlation ids. It may be opened again and again; what was on the way when it ended has
/// failed. Lives on one core; closed before it dies.

namespace millrace::client {

/// Where a broker is. `host` is numeric.
struct broker_address {
  std::string host;
  uint16_t port = 0;
};

struct connection_options {
  std::string client_id = "millrace";
  base::duration connect_timeout = base::seconds(10);
  base::duration request_timeout = base::seconds(30);
  /// Between the end of a connection and the next attempt: doubled with each failure, up to the second.
  base::duration backoff_least = base::milliseconds(50);
  base::duration backoff_most = base::seconds(1);
  int32_t answer_bytes_max = 256 << 20;
};

class connection final : private reactor::turn_end_hook {
 public:
  connection(reactor::core& on, broker_address where, const connection_options& options);
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection() override;

  const broker_address& address() const noexcept { return address_; }
  bool is_open() const noexcept { return state_ == state::open; }
  /// Whether close() was called.
  bool ended() const noexcept { return tasks_.closing(); }
  /// Connects and asks for the broker's versions, unless it is open; several may wait for the same attempt. Waits as long
  /// as the backoff asks for. Errors: io (errno), timed_out, closed, unsupported (no broker of Kafka's protocol), malformed.
  reactor::task<base::result<void>> open();
  /// Ends it for good; what is on the way fails.
  reactor::task<void> close();
  /// For a core that was abandoned.
  void abandon() noexcept;

  /// The newest version that both know, at most `most` and at least `least`. Errors: unsupported (detail: the api key).
  base::result<int16_t> version_of(int16_t key, int16_t least, int16_t most) const;
  template <class Request>
  base::result<int16_t> version_of(int16_t most = Request::max_version, int16_t least = Request::min_version) const {
    return version_of(Request::api_key, least, most);
  }

  /// Sends a request; only while it is open. `e` is the connection's until its last call.
  template <class Request>
  void send(exchange& e, const Request& request, const request_kind& kind) {
    const size_t body = wire::kafka::size_of(request, kind.version);
    begin(e, kind, body);
    wire::kafka::writer out({queued_.make(body), body});
    wire::kafka::encode(out, request, kind.version);
    end(e);
  }
  /// The same piece by piece: begin, then as many bytes of body as were announced, then end.
  void begin(exchange& e, const request_kind& kind, size_t body_bytes);
  void copy(base::bytes data) { queued_.copy(data); }
  void refer(base::bytes data) { queued_.refer(data); }
  void end(exchange& e);

  reactor::core& on() noexcept { return core_; }
  const connection_options& options() const noexcept { return options_; }

 private:
  enum class state : uint8_t { closed, opening, open, closing };
  class sender final : public reactor::op {
   public:
    explicit sender(connection& owner) : op(reactor::op_kind::send), owner_(owner) {}
    void run(reactor::core&) override { owner_.send_ended(); }
    const char* what() const noexcept override { return "client send"; }

   private:
    connection& owner_;
  };
  class watchdog final : public reactor::timer {
   public:
    explicit watchdog(connection& owner) : owner_(owner) {}
    void run(reactor::core&) override { owner_.look_at_deadline(); }

   private:
    connection& owner_;
  };
  struct version_range {
    int16_t least = 0;
    int16_t most = -1;
  };

  void at_turn_end() override;
  void start_send();
  void send_ended();
  void watch();
  void look_at_deadline();
  void end_with(base::error why);
  reactor::task<void> run();
  bool take(base::bytes data);
  bool take_partial(base::bytes& data);
  bool take_frame(base::bytes frame, std::vector<uint8_t>* whole);
  reactor::task<base::result<int>> connect();
  reactor::task<base::result<void>> open_now();
  reactor::task<base::result<void>> negotiate();
  reactor::task<base::result<bool>> ask_versions(int16_t version);
  void fail_all();

  reactor::core& core_;
  const broker_address address_;
  const connection_options options_;
  state state_ = state::closed;
  std::unique_ptr<reactor::socket> socket_;
  std::array<version_range, 128> versions_{};

  outbox queued_;
  outbox leaving_;
  std::vector<iovec> pieces_;  // of leaving_
  size_t pieces_given_ = 0;    // to the sends so far
  sender sender_;
  uint64_t queued_end_ = 0;  // positions in all that was ever sent
  uint64_t leaving_end_ = 0;
  uint64_t sent_ = 0;
  uint64_t begun_ = 0;  // position at which the request being built must end

  base::intrusive_list<exchange> unanswered_;
  base::intrusive_list<exchange> unreleased_;  // answered, or without answer
  int32_t correlation_ = 0;
  watchdog watchdog_;

  std::vector<uint8_t> partial_;  // a frame that came in pieces, with its length

  base::error why_{};  // it ended
  base::instant not_before_{};
  base::duration backoff_{};
  reactor::wait_list changed_;
  reactor::scope tasks_;
};

}  // namespace millrace::client
