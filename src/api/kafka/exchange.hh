#pragma once

#include "api/kafka/held_memory.hh"
#include "api/kafka/request_counters.hh"
#include "base/intrusive_list.hh"
#include "base/result.hh"
#include "base/time.hh"

/// One request and its answer. A connection keeps its exchanges in order of arrival; the answers leave in that order,
/// each once it is ready and all before it have left.

namespace millrace::api::kafka {

class connection;
class reply_buffer;

class exchange : public base::list_hook<> {
 public:
  exchange() = default;
  virtual ~exchange() = default;
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;

  /// Whether the answer may be written.
  bool ready() const noexcept { return ready_; }
  /// Writes the answer behind what is in `out`; nothing for a request that has none. What it refers to lives until
  /// let_go().
  virtual void write(reply_buffer& out) = 0;
  /// The answer left, or the connection ended before: lets its memory go, and itself back to its pool.
  virtual void let_go() = 0;
  /// The world's crash: nothing of it comes back. One that no pool owns is destroyed.
  virtual void abandon() noexcept {}
  /// Whether nothing behind it is taken up before it is ready: a request that may change what the next one finds.
  virtual bool alone() const { return false; }
  const held_bytes& held() const noexcept { return held_; }
  /// It was taken up at `now`, and is counted there.
  void count_in(request_counters& counted, base::instant now) noexcept {
    counted_ = &counted;
    begun_ = now;
    ++counted.in_flight;
  }
  request_counters& counted() const noexcept { return *counted_; }
  /// Its answer goes to the socket, or it has none and all before it went.
  void note_answered(base::instant now) noexcept { counted_->latency.record(now - begun_); }
  /// Bytes that its answer may yet come to hold: only a fetch cannot say before.
  size_t expected() const noexcept { return expected_; }
  /// Its connection lets it go: nothing it holds counts any more.
  void release() noexcept {
    hold({});
    expect(0);
    --counted_->in_flight;
  }
  /// The connection ends: what waits should end soon; it becomes ready by itself.
  virtual void hurry() {}

 protected:
  void open(connection& c) noexcept {
    connection_ = &c;
    ready_ = false;
    held_ = {};
    expected_ = 0;
  }
  /// Says what it holds from now on: its connection and its core count that.
  void hold(const held_bytes& now) noexcept;
  void expect(size_t bytes) noexcept;
  /// The answer is complete; or the connection must close instead, as Kafka does (acks 0 with an error).
  void set_ready();
  connection& of() const noexcept { return *connection_; }

 private:
  connection* connection_ = nullptr;
  request_counters* counted_ = nullptr;  ///< the door's
  base::instant begun_{};
  bool ready_ = false;
  held_bytes held_;
  size_t expected_ = 0;
};

}  // namespace millrace::api::kafka
