#pragma once

#include <atomic>
#include <memory>

#include "base/assert.hh"
#include "base/limits.hh"
#include "base/tagged.hh"

/// How many connections each core of one process serves, whichever door they came through. The
/// kernel spreads new connections by chance; with these numbers the core that accepted one sees
/// whose turn it is. Made before the doors, dies after them. Any core may call everything: counters
/// are relaxed, so two cores that accept at the same moment may put one connection too many
/// somewhere.

namespace millrace::reactor {

class connection_shares {
 public:
  /// `limit`: of all connections together.
  connection_shares(unsigned cores, size_t limit) : counts_(new count[cores]), cores_(cores), limit_(limit) {
    ASSERT(cores > 0);
  }

  /// One more on `core`: counted when it is decided, before it arrives there.
  void begin(base::core_id core) noexcept { at(core).fetch_add(1, std::memory_order_relaxed); }
  void end(base::core_id core) noexcept {
    const size_t before = at(core).fetch_sub(1, std::memory_order_relaxed);
    ASSERT(before > 0);
  }

  size_t of(base::core_id core) const noexcept { return at(core).load(std::memory_order_relaxed); }
  size_t total() const noexcept {
    size_t sum = 0;
    for (unsigned i = 0; i < cores_; ++i) sum += of(base::core_id(i));
    return sum;
  }
  size_t limit() const noexcept { return limit_; }

  /// Who shall serve one more that `self` accepted: `self` up to its share, else the one that has
  /// fewest.
  base::core_id place(base::core_id self) const noexcept {
    const size_t share = total() / cores_ + 1;  // of total + 1, rounded up
    if (of(self) < share) return self;
    base::core_id least = self;
    for (unsigned i = 0; i < cores_; ++i) {
      if (of(base::core_id(i)) < of(least)) least = base::core_id(i);
    }
    return least;
  }

 private:
  struct alignas(base::cache_line_bytes) count {
    std::atomic<size_t> now{0};
  };
  std::atomic<size_t>& at(base::core_id core) const noexcept { return counts_[core.value()].now; }

  const std::unique_ptr<count[]> counts_;
  const unsigned cores_;
  const size_t limit_;
};

}  // namespace millrace::reactor
