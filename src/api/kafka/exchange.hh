#pragma once

#include "base/intrusive_list.hh"
#include "base/result.hh"

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
  /// The connection ends: what waits should end soon; it becomes ready by itself.
  virtual void hurry() {}

 protected:
  void open(connection& c) noexcept {
    connection_ = &c;
    ready_ = false;
  }
  /// The answer is complete; or the connection must close instead, as Kafka does (acks 0 with an error).
  void set_ready();
  connection& of() const noexcept { return *connection_; }

 private:
  connection* connection_ = nullptr;
  bool ready_ = false;
};

}  // namespace millrace::api::kafka
