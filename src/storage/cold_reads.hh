#pragma once

#include <cstdint>

#include "reactor/wait.hh"

/// How many reads of segment files a core has in flight: as many as a disk needs for all its bandwidth, and not so many that
/// the writes of the commit log and of segments, which come first, stand in a long queue behind them. Who comes first reads
/// first.

namespace millrace::storage {

class cold_reads {
 public:
  /// Reads of a stretch of 1 MiB: 4 of them reach a local disk's bandwidth.
  static constexpr unsigned in_flight_max = 16;

  explicit cold_reads(reactor::core& on) : waiting_(on) {}

  /// A place among those in flight; false: wait() for it, which then has it.
  ///
  ///   if (!reads.try_begin()) co_await reads.wait();
  ///   ... one read ...
  ///   reads.end();
  [[nodiscard]] bool try_begin() noexcept {
    if (in_flight_ == in_flight_max) return false;
    ++in_flight_;
    return true;
  }
  reactor::wait_list::waiter wait() { return waiting_.wait(); }
  /// The place goes to who waits longest.
  void end() {
    if (waiting_.empty()) {
      --in_flight_;
    } else {
      waiting_.wake_one();
    }
  }
  unsigned in_flight() const noexcept { return in_flight_; }

 private:
  reactor::wait_list waiting_;
  unsigned in_flight_ = 0;
};

}  // namespace millrace::storage
