#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/histogram.hh"
#include "common/machine.hh"
#include "load/settings.hh"

/// What a run measured, and how it is said.

namespace millrace::bench {

struct outcome {
  double seconds = 0;
  uint64_t requests = 0;
  uint64_t batch_bytes = 0;  ///< record batches as sent or received; no request headers
  uint64_t messages = 0;
  uint64_t empty_fetches = 0;
  uint64_t unsent = 0;                 ///< open loop: requests that were due and found no room
  std::map<int16_t, uint64_t> errors;  ///< Kafka error code -> answers. Kafka itself gives some just after a topic was made
  histogram latency;
  usage before;  ///< shortly before the window: reading it takes milliseconds with many threads
  usage after;
};

/// The phases of a run: warm-up, the measured window, the end.
class stopwatch {
 public:
  /// `bytes_limit` ends the run by amount instead of by time.
  stopwatch(const settings& s, uint64_t bytes_limit, outcome& out);

  /// To be told after every turn; it clears `out` when the window opens. False: the run is over.
  bool tick(base::instant time, uint64_t bytes_so_far);
  base::instant end() const { return end_; }

 private:
  static constexpr base::duration lead = base::milliseconds(20);
  outcome& out_;
  int server_pid_;
  uint64_t bytes_limit_;
  base::instant open_;
  base::instant end_;
  bool metered_ = false;
  bool opened_ = false;
};

/// Prints one line for people, beginning with `title`; appends one JSON line where the settings
/// name a file.
void report(const std::string& title, const settings& s, const outcome& out);

}  // namespace millrace::bench
