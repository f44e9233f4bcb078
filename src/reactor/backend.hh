#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hh"
#include "base/tagged.hh"
#include "base/time.hh"
#include "reactor/op.hh"

/// The seam: everything that can differ between two runs of one core comes through here (disk, network, clocks,
/// entropy, mail between cores). Two implementations: uring_backend (the kernel) and sim::node's backend (a world).
/// One backend object per core; only that core's thread calls it.

namespace millrace::reactor {

/// Sent from one core to another. The sender owns the memory; it may be touched there only until the receiver
/// has posted it back (or answered otherwise). Mail from one core to one other arrives in order.
class mail : public ready_item {
 public:
  const char* what() const noexcept override { return "mail"; }
  /// On the receiver's core, before it runs: asks for the memory that run() will touch, which is in the sender's cache.
  /// First for what the mail itself names (step 0, its own lines have been asked for), some mails later for what that names
  /// (1).
  virtual void fetch_ahead(unsigned /*step*/) noexcept {}
};

struct directory_entry {
  std::string name;
  bool is_directory = false;
  uint64_t size = 0;  ///< bytes; 0 for directories
};

struct disk_space {
  uint64_t total_bytes = 0;
  uint64_t free_bytes = 0;  ///< that we may still write
};

struct listen_address {
  std::string host;    ///< numeric IPv4 or IPv6
  uint16_t port = 0;   ///< 0: the kernel chooses
  bool shared = true;  ///< SO_REUSEPORT: each core has its own listener on the same port
};
struct listening {
  int handle = -1;
  uint16_t port = 0;
};

/// What the kernel counts of a core's thread, since it began.
struct thread_use {
  base::duration on_cpu{};
  uint64_t sleeps = 0;  ///< voluntary context switches: sleeps in poll, calls that wait, page faults that do
};

/// What a backend did, counted; the ring's words.
struct backend_counters {
  uint64_t submissions = 0;  ///< entries handed to the kernel
  uint64_t completions = 0;
  uint64_t enters = 0;       ///< system calls on the ring
  uint64_t sleeps = 0;       ///< of these, blocking ones
  uint64_t spins_found = 0;  ///< looks around that found work before sleeping
  uint64_t spins_empty = 0;
  uint64_t wakes_sent = 0;        ///< to other cores
  uint64_t receives_starved = 0;  ///< ENOBUFS: no receive buffer was left
  uint64_t retries = 0;           ///< EINTR, EAGAIN and short sends
  uint64_t bytes_received = 0;
  uint64_t bytes_sent = 0;
  uint64_t bytes_spliced = 0;    ///< of bytes_sent, from files
  uint64_t sends_zero_copy = 0;  ///< entries for sends without a copy
  uint64_t sends_copied = 0;     ///< of these, copied by the kernel all the same
  uint64_t bytes_read = 0;
  uint64_t bytes_written = 0;
};

/// A turn whose items or whose poll worked for longer does not wait: whether it was a stall is looked into first. Half of
/// the least reactor.stall_threshold_ms.
inline constexpr base::duration long_work = base::microseconds(500);

class backend {
 public:
  virtual ~backend() = default;

  /// Starts `o` (at the latest in the next poll). Sets o.in_flight.
  virtual void submit(op& o) = 0;
  /// Asks `o` to end early; it still completes through poll, with -ECANCELED or as if never asked. Writes are
  /// never cancelled. No effect on an op that is not in flight.
  virtual void cancel(op& o) = 0;
  /// Hands what was submitted to the kernel and appends to `ready` what completed, arrived or was mailed. Waits
  /// for the first such thing until `until` at most; does not wait where `until` has passed, or behind long_work.
  virtual void poll(ready_list& ready, base::instant until) = 0;
  /// Of the last poll, what went into work (submitting, which sends and writes; completing), not into waiting.
  virtual base::duration poll_worked() const noexcept { return {}; }
  /// Whether the last poll let the thread sleep.
  virtual bool poll_slept() const noexcept { return false; }
  /// How many ready items a core runs before it polls again: without a limit in production, one in the world, so that
  /// the world decides the order across cores.
  virtual size_t turn_limit() const noexcept { return SIZE_MAX; }
  /// Which of `count` ready items runs next: the first in production, a seeded choice in the world.
  virtual size_t choose(size_t count) {
    (void)count;
    return 0;
  }

  /// Monotonic.
  virtual base::instant clock() = 0;
  virtual base::unix_ms wall_clock() = 0;
  virtual uint64_t entropy() = 0;
  /// Zeros where nothing is counted.
  virtual thread_use used() const noexcept { return {}; }

  /// Sends `m` to another core, where it becomes ready. Where the ring to it is full it waits here, linked, and goes as
  /// soon as there is room, in order.
  virtual void post(base::core_id target, mail& m) = 0;

  /// Returns a lent receive buffer.
  virtual void give_back(lent_buffer& b) = 0;

  // Plain calls that answer at once. Quick ones, and ones for start-up and administration where waiting is fine.
  virtual base::result<listening> listen(const listen_address& where) = 0;
  virtual base::result<std::vector<directory_entry>> list(const std::string& directory) = 0;  ///< sorted by name
  virtual base::result<uint64_t> size_of(const std::string& path) = 0;
  /// Of the file system that holds the path.
  virtual base::result<disk_space> free_space(const std::string& path) = 0;
  /// Takes an exclusive lock on a file, made where missing, for the life of the process: errc::locked where another has it.
  virtual base::result<void> lock(const std::string& path) = 0;
  /// Zeros where nothing is counted.
  virtual backend_counters counters() const noexcept { return {}; }
  /// "address:port" of the other end of a socket, for logs.
  virtual std::string peer_name(int handle) = 0;
};

}  // namespace millrace::reactor
