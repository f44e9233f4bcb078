#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hh"
#include "base/intrusive_list.hh"
#include "base/result.hh"
#include "base/time.hh"

/// One request on its way over a connection, from the asker's side.

namespace millrace::client {

/// An answer as it arrived: its bytes behind the response's header. They are there for the call only, unless `whole` is
/// set: then they lie in that vector, and may be had by swapping it for another one.
struct arrival {
  base::bytes body;
  std::vector<uint8_t>* whole = nullptr;
};

/// Lives with whoever asks, and stays there until it is released or has failed: the request may refer to its memory.
/// The calls come from inside the connection's work: they may send, but not close the connection.
class exchange : public base::list_hook<> {
 public:
  virtual ~exchange() = default;
  /// The answer, correlation id checked. Not called for requests that have none (acks 0).
  virtual void answered(arrival& got) = 0;
  /// The kernel has taken all bytes, and the answer, where there is one, came before. The last call.
  virtual void released() {}
  /// The connection ended before the answer came; whether the request arrived nobody knows. The last call, too.
  virtual void failed(base::error why) = 0;

 private:
  friend class connection;
  uint64_t end_ = 0;  // position behind its last byte in all that was sent
  base::instant deadline_{};
  int32_t correlation_ = 0;
  bool flexible_answer_ = false;
};

/// How a request is sent.
struct request_kind {
  int16_t key = 0;
  int16_t version = 0;
  base::duration timeout{};  ///< for the answer, from now; the connection ends where it does not come
  bool answered = true;      ///< false: acks 0
};

}  // namespace millrace::client
