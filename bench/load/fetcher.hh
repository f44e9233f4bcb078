#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/ring.hh"
#include "load/admin.hh"
#include "load/fetch_parser.hh"
#include "load/outcome.hh"
#include "load/protocol.hh"
#include "load/settings.hh"

/// Fetches in a closed loop, one request on the way per connection: connection i reads partition i
/// mod P round and round, either its whole log or its last megabytes, which a broker that serves
/// its tail from memory still has. Or it follows the log: what comes after the end, once.

namespace millrace::bench {

class fetcher {
 public:
  fetcher(const settings& s, const topic_leaders& leaders, const std::vector<log_ends>& ends);
  fetcher(const fetcher&) = delete;
  fetcher& operator=(const fetcher&) = delete;
  ~fetcher();

  outcome run();

 private:
  struct connection {
    explicit connection(fetch_parser p) : parser(std::move(p)) {}
    size_t index = 0;
    int fd = -1;
    int32_t partition = 0;
    log_ends range{};  ///< read round and round
    int64_t offset = 0;
    uint32_t correlation = 0;
    bool sending = false;
    bool waiting = false;  ///< for an answer
    int64_t since = 0;
    std::vector<uint8_t> request;
    uint8_t* inbox = nullptr;
    fetch_parser parser;
  };

  log_ends range_of(log_ends whole) const;
  void connect_all(const topic_leaders& leaders, const std::vector<log_ends>& ends);
  void send_request(connection& c);
  void arm_receive(connection& c);
  void on_received(connection& c, int answer, base::instant time);
  void on_response(connection& c, const fetched& response, base::instant time);

  const settings& settings_;
  ring ring_;
  fetch_request request_;
  std::vector<std::unique_ptr<connection>> connections_;
  outcome out_;
};

}  // namespace millrace::bench
