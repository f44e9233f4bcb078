#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "base/limits.hh"
#include "base/log.hh"
#include "base/spsc_ring.hh"
#include "base/time.hh"

/// Writes the log lines of all cores to one descriptor from a thread of its own, so that a core
/// never waits for a terminal, a pipe or a disk. Each core has a bounded ring; what does not fit is
/// dropped and counted, and the count is said in the log once there is room again.

namespace millrace::reactor {

class log_writer {
 public:
  static constexpr size_t lines_per_core = 1024;

  /// Writes to `descriptor`, which is borrowed.
  log_writer(unsigned cores, int descriptor);
  log_writer(const log_writer&) = delete;
  log_writer& operator=(const log_writer&) = delete;
  /// Writes what is left and ends the thread. No core may log any more. Where nobody takes the lines
  /// it gives up after `stop_limit`.
  ~log_writer();
  static constexpr base::duration stop_limit = base::seconds(1);

  /// One core's end of it; what base::logger gets as `self`. On that core's thread only.
  class channel {
   public:
    explicit channel(log_writer& owner);
    /// base::logger's sink.
    static void sink(void* self, std::string_view line);
    /// base::logger's clock.
    static base::unix_ms wall_clock(void* self);
    /// Lines that did not fit so far.
    uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

   private:
    friend class log_writer;
    struct line {
      uint16_t size;
      char text[base::log_line_bytes_max + 1];  // and the end of line
    };
    log_writer& owner_;
    // Lines lie in slots; the rings pass their numbers: full ones to the writer, empty ones back.
    std::unique_ptr<line[]> lines_;
    base::spsc_ring<uint32_t> full_;
    base::spsc_ring<uint32_t> empty_;
    std::atomic<uint64_t> dropped_{0};
    uint64_t dropped_said_ = 0;  // the writer's
  };
  channel& of(unsigned core) { return *channels_[core]; }

  /// From now on a signal that ends the process (SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE) lets the
  /// lines out before. One writer of a process at a time.
  void flush_on_crash();
  /// Best effort from a dying process: lets the thread write what the rings hold, and does it itself
  /// where that takes too long. Async-signal-safe.
  void flush_in_crash() noexcept;

 private:
  void run();
  bool drain();
  bool drain_channel(channel& from);
  void say_dropped(channel& from);
  void write_all(const char* text, size_t size) noexcept;
  bool wait_for_room() noexcept;
  bool all_written() const noexcept;
  void end_of_crash_watch() noexcept;

  const int descriptor_;
  std::vector<std::unique_ptr<channel>> channels_;
  std::atomic<uint32_t> signal_{0};  // raised with every line, waited for by the thread
  std::atomic<bool> sleeping_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> crashing_{false};
  std::atomic<int64_t> give_up_at_{INT64_MAX};  // ns of the monotonic clock
  std::thread thread_;
};

}  // namespace millrace::reactor
