#pragma once

#include <memory>
#include <span>
#include <vector>

#include "api/kafka/exchange.hh"
#include "api/kafka/reply_buffer.hh"
#include "base/intrusive_list.hh"
#include "reactor/core.hh"
#include "reactor/op.hh"

/// The zero-copy sends of one connection. After such a send has left, the kernel still looks at its memory, until the peer
/// has taken it: the answers that it came from are kept here meanwhile, and count as held.

namespace millrace::api::kafka {

class connection;

/// How large answers leave.
enum class send_mode : uint8_t {
  automatic,  ///< zero copy to peers on other machines, until the kernel says that it had to copy
  copy,
  zero_copy,
};

class zero_copy_sends {
 public:
  zero_copy_sends(connection& c, reactor::core& on, send_mode mode) : of_(c), core_(on), mode_(mode) {}
  ~zero_copy_sends();
  zero_copy_sends(const zero_copy_sends&) = delete;
  zero_copy_sends& operator=(const zero_copy_sends&) = delete;

  /// Whether a send of `bytes` leaves this way: large enough, towards a peer where it pays, and not too much of the
  /// connection unreleased. Where it does not, a plain send does the same.
  bool takes(size_t bytes);
  /// Sends. connection::sent() follows, connection::released() later or at once.
  void start(int socket, std::span<const iovec> pieces, size_t bytes);
  /// All of `bytes` has left: what of it is not released is kept here, with its exchanges, and `bytes` is empty and new.
  void keep(reply_buffer& bytes, base::intrusive_list<exchange>& exchanges);
  /// Whether nothing is unreleased.
  bool idle() const noexcept { return unreleased_ == 0; }
  /// Bytes of memory of the answers that are kept here, beside what their exchanges hold.
  size_t held() const noexcept { return held_; }
  void abandon() noexcept;

 private:
  /// Answers of one filling, whole or still being sent.
  struct parcel {
    explicit parcel(reactor::memory& pool) : bytes(pool) {}
    reply_buffer bytes;
    base::intrusive_list<exchange> exchanges;
    unsigned unreleased = 0;  ///< sends
    bool whole = false;       ///< all of it was sent: `bytes` and `exchanges` are its
    bool free = true;
  };
  class send final : public reactor::op {
   public:
    explicit send(zero_copy_sends& all) : reactor::op(reactor::op_kind::send), all_(all) { zero_copy = true; }
    void run(reactor::core&) override { all_.answered(*this); }
    const char* what() const noexcept override { return "replies"; }
    parcel* from = nullptr;  ///< null: not in use
    size_t bytes = 0;
    bool told = false;  ///< the connection knows that it was sent

   private:
    zero_copy_sends& all_;
  };
  void answered(send& s);
  void released(send& s);
  send& free_send();
  parcel& free_parcel();
  bool pays();

  connection& of_;
  reactor::core& core_;
  const send_mode mode_;
  bool asked_ = false;  ///< who the peer is
  bool pays_ = true;
  std::vector<std::unique_ptr<send>> sends_;
  std::vector<std::unique_ptr<parcel>> parcels_;
  parcel* leaving_ = nullptr;  ///< of what is being sent now; null where nothing of it went this way
  unsigned unreleased_ = 0;    ///< sends
  size_t unreleased_bytes_ = 0;
  size_t held_ = 0;
};

}  // namespace millrace::api::kafka
