#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/limits.hh"
#include "base/spsc_ring.hh"
#include "base/tagged.hh"
#include "reactor/backend.hh"

/// What the cores of one machine share: a ring of mail for each ordered pair of cores, who has
/// posted to whom, and who sleeps. Made before the cores, dies after them. Each function says which
/// thread may call it.
///
/// Posting: push into the ring, then (once a turn, for all that was pushed) announce(): set the
/// sender's bit at the receiver, and if the receiver sleeps take over waking it. Going to sleep:
/// say so, then look for bits once more. Both sides write, then read what the other wrote, all in
/// one total order: one of them sees the other.
///
/// Credit (mailbox.hh) keeps most mail within what a ring holds; answers and what ends a wait take none. What finds a ring
/// full waits at its sender, linked by itself, and goes in order as the receiver takes: nothing is lost and nobody blocks.

namespace millrace::reactor {

class mail_exchange {
 public:
  explicit mail_exchange(unsigned cores);
  mail_exchange(const mail_exchange&) = delete;
  mail_exchange& operator=(const mail_exchange&) = delete;
  ~mail_exchange();

  unsigned cores() const noexcept { return cores_; }

  // On the sender's thread.
  /// Sends, after all that was pushed before. False where the ring is full: it is held back here, and flush() must be
  /// called until it is on its way.
  bool push(base::core_id from, base::core_id to, mail& m);
  /// Sends what was held back, as far as the ring has room. True where nothing is held back any more.
  [[nodiscard]] bool flush(base::core_id from, base::core_id to);
  /// Makes pushed mail visible to `to`. True where `to` sleeps and the caller must wake it.
  [[nodiscard]] bool announce(base::core_id from, base::core_id to);

  // On the receiver's thread.
  /// Whether somebody announced mail. Cheap: it is what a spinning core looks at.
  bool waiting(base::core_id self) const noexcept;
  /// Appends all announced mail to `ready`; from one sender in order. True where there was any.
  bool take(base::core_id self, ready_list& ready);
  /// True: the caller may sleep and will be woken. False: mail is waiting.
  [[nodiscard]] bool fall_asleep(base::core_id self);
  void wake_up(base::core_id self) noexcept;

  // How a sleeper is woken. Set by its own backend before any core runs turns, and taken back when
  // it ends.
  void connect(base::core_id self, int ring, int event);
  int ring_of(base::core_id target) const noexcept { return at(target).ring.load(std::memory_order_acquire); }
  /// Wakes by the event descriptor: for threads without a ring, and where the kernel cannot send to
  /// a ring.
  void ring_bell(base::core_id target) const noexcept;

  /// From any thread, also one that is no core: delivers `m` to `target` and wakes it.
  void post_from_outside(base::core_id target, mail& m);

 private:
  struct alignas(base::cache_line_bytes) station {
    std::atomic<bool> sleeping{false};
    std::atomic<bool> outside{false};  // something is in letters
    std::atomic<int> ring{-1};
    std::atomic<int> event{-1};
    std::unique_ptr<std::atomic<uint64_t>[]> posted;  // a bit per sender
    std::mutex lock;                                  // guards letters: administration, never the data path
    std::vector<mail*> letters;
  };

  /// From one core to one other.
  struct lane {
    base::spsc_ring<mail*> ring{base::mail_ring_slots};
    ready_list held;  // the sender's: what found the ring full, in order
  };
  lane& lane_of(base::core_id from, base::core_id to) { return *lanes_[size_t{from.value()} * cores_ + to.value()]; }
  station& at(base::core_id core) noexcept { return stations_[core.value()]; }
  const station& at(base::core_id core) const noexcept { return stations_[core.value()]; }

  const unsigned cores_;
  const unsigned words_;
  std::vector<std::unique_ptr<lane>> lanes_;
  std::unique_ptr<station[]> stations_;
};

}  // namespace millrace::reactor
