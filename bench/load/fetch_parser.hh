#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.hh"

/// Reads the Fetch responses of one connection as they arrive, in pieces of any size and without
/// keeping them: it takes out what it must know and lets the records go by, with their CRC computed
/// where that is asked.

namespace millrace::bench {

/// What one response said.
struct fetched {
  uint32_t correlation = 0;
  int16_t error = 0;
  int32_t partition = -1;
  int64_t next_offset = -1;  ///< behind the last whole batch; -1 without one
  uint64_t batch_bytes = 0;  ///< whole batches only
  uint64_t messages = 0;
};

class fetch_parser {
 public:
  fetch_parser(size_t topic_size, bool check_crc);

  /// Calls `done(const fetched&)` for every response that ends in these bytes.
  template <class Done>
  void consume(base::bytes input, Done&& done) {
    while (!input.empty()) {
      input = input.subspan(step(input));
      if (complete_) {
        complete_ = false;
        done(static_cast<const fetched&>(response_));
      }
    }
  }

 private:
  enum class part : uint8_t { prefix, aborted, records_size, batch_header, batch_body, rest };

  size_t step(base::bytes input);
  void on_header();
  void on_batch_header();
  void on_batch_end();
  void begin_batch();
  void collect(part what, size_t size);
  void pass(part what, size_t size);
  void finish();

  size_t prefix_size_;
  bool check_crc_;
  part part_ = part::prefix;
  std::vector<uint8_t> head_;  ///< what was collected of a part that is looked at
  size_t head_wanted_ = 0;     ///< 0 while a part goes by
  size_t passing_ = 0;         ///< bytes of it still to come
  size_t response_left_ = 0;   ///< of the response, from the current part's beginning
  uint32_t crc_ = 0;
  fetched response_;
  bool complete_ = false;
};

}  // namespace millrace::bench
