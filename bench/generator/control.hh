#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "generator/meter.hh"
#include "generator/settings.hh"
#include "generator/stream_check.hh"

/// What the cores of a run share with the thread that directs it. Counts go up once a phase; nothing here is touched for a
/// single record but the lock of a partition's check, once for each answer.

namespace millrace::generator {

struct control {
  explicit control(const settings& s) : what(s) {}

  const settings& what;
  int64_t unix_offset_ns = 0;                                         ///< unix time less the monotonic clock
  std::vector<int64_t> starts;                                        ///< of each partition: where readers begin
  std::vector<std::vector<std::unique_ptr<partition_check>>> checks;  ///< by group (one without groups) and partition

  // Written by the director, then begin_ns: 0 until then.
  window measured;
  std::atomic<int64_t> begin_ns{0};
  std::atomic<int64_t> produce_until_ns{INT64_MAX};
  std::atomic<bool> readers_stop{false};

  /// Seconds are counted so that one of them ends where the window begins; the one with that number since the load began
  /// ends here.
  base::instant second_end(size_t index) const {
    constexpr int64_t second = 1'000'000'000;
    const base::instant begin{begin_ns.load()};
    const int64_t part = (measured.begin - begin).ns % second;
    return begin + base::nanoseconds((part == 0 ? second : part) + static_cast<int64_t>(index) * second);
  }

  // Counted by the cores.
  std::atomic<unsigned> ready{0};
  std::atomic<unsigned> produced{0};
  std::atomic<unsigned> closed{0};
  interval_box seconds;

  /// The first failure that ends the run.
  void fail(std::string why) {
    const std::lock_guard hold(lock_);
    if (!failed_.load()) failure_ = std::move(why);
    failed_.store(true);
  }
  bool failed() const { return failed_.load(std::memory_order_relaxed); }
  std::string failure() {
    const std::lock_guard hold(lock_);
    return failure_;
  }
  /// Why records failed, where the run goes on: the last such reason stays.
  void note(std::string why) {
    const std::lock_guard hold(lock_);
    noted_ = std::move(why);
  }
  std::string noted() {
    const std::lock_guard hold(lock_);
    return noted_;
  }

 private:
  std::mutex lock_;
  std::string failure_;
  std::string noted_;
  std::atomic<bool> failed_{false};
};

/// How all clients of a run are made.
client::client_options client_options_of(const settings& s);
/// What went wrong with a client's work, and at which address where that is known.
std::string explain(const client::client& cluster, base::error why);

}  // namespace millrace::generator
