#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "common/ring.hh"
#include "load/admin.hh"
#include "load/outcome.hh"
#include "load/protocol.hh"
#include "load/settings.hh"

/// Produces in a closed or an open loop. Every request carries the same batch to one partition;
/// only correlation id and partition differ. On one connection requests go out in order, all that
/// there is room for in one gathering send, one send at a time; every answer is checked for its
/// correlation id, partition and error code.

namespace millrace::bench {

class producer {
 public:
  producer(const settings& s, const topic_leaders& leaders);
  producer(const producer&) = delete;
  producer& operator=(const producer&) = delete;
  ~producer();

  /// Runs for the time that the settings say, or until `bytes_limit` bytes are acknowledged.
  outcome run(uint64_t bytes_limit = 0);

 private:
  struct connection {
    size_t index = 0;  ///< in connections_
    int fd = -1;
    lane route;
    uint64_t sent = 0;      ///< requests; the next one's number. Its slot is sent % in_flight
    uint64_t answered = 0;  ///< answered <= sent <= answered + in_flight
    uint64_t owed = 0;      ///< open loop: requests due and not yet sent
    size_t sending = 0;     ///< bytes of the send in flight, 0 for none
    uint64_t sending_requests = 0;
    bool pump_wanted = false;
    std::vector<int64_t> since;      ///< by slot: when its request was, or should have been, sent
    std::vector<int32_t> partition;  ///< by slot
    std::vector<uint8_t> slots;      ///< by slot: its request, without the batch where batches are gathered
    std::vector<iovec> parts;
    msghdr message{};
    std::vector<uint8_t> inbox;
    size_t inbox_filled = 0;
  };

  void connect_all();
  void want_pump(connection& c);
  void owe_due_requests(base::instant time);
  int64_t due(uint64_t request) const;
  void pump(connection& c, base::instant time);
  void gather(connection& c, uint64_t slot);
  void arm_receive(connection& c);
  void on_sent(connection& c, int answer);
  void on_received(connection& c, int answer, base::instant time);
  void on_response(connection& c, const uint8_t* response, base::instant time);
  void count(uint64_t requests);

  const settings& settings_;
  topic_leaders leaders_;
  ring ring_;
  std::vector<uint8_t> batch_;
  produce_prefix prefix_;
  produce_response_shape response_;
  /// Small batches lie in each slot behind their prefix, so that a send is one or two pieces; large
  /// ones are shared, so that they stay in the cache.
  bool batch_in_slot_;
  size_t slot_size_;
  uint64_t requests_per_send_;
  std::vector<std::unique_ptr<connection>> connections_;
  std::vector<connection*> to_pump_;
  base::instant begin_;
  uint64_t due_requests_ = 0;
  uint64_t acknowledged_bytes_ = 0;
  outcome out_;
};

}  // namespace millrace::bench
