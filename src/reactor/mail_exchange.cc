#include "reactor/mail_exchange.hh"

#include <sys/eventfd.h>

#include <bit>
#include <span>

#include "base/assert.hh"

namespace millrace::reactor {

namespace {

/// Each line of a mail comes from another core's cache and takes as long as dozens of instructions; asked for together, they
/// travel together.
void fetch_ahead(std::span<mail* const> batch) {
  constexpr size_t distance = 8;
  for (mail* m : batch) {
    __builtin_prefetch(m, 1);
    __builtin_prefetch(reinterpret_cast<uint8_t*>(m) + base::cache_line_bytes, 1);
  }
  for (size_t i = 0; i < batch.size() + distance; ++i) {
    if (i < batch.size()) batch[i]->fetch_ahead(0);
    if (i >= distance) batch[i - distance]->fetch_ahead(1);
  }
}

}  // namespace

mail_exchange::mail_exchange(unsigned cores) : cores_(cores), words_((cores + 63) / 64), stations_(new station[cores]) {
  ASSERT(cores > 0);
  lanes_.reserve(size_t{cores} * cores);
  for (unsigned from = 0; from < cores; ++from) {
    for (unsigned to = 0; to < cores; ++to) {
      // Mail to itself never takes a ring.
      lanes_.push_back(from == to ? nullptr : std::make_unique<lane>());
    }
  }
  for (unsigned i = 0; i < cores; ++i) stations_[i].posted = std::make_unique<std::atomic<uint64_t>[]>(words_);
}

mail_exchange::~mail_exchange() = default;

bool mail_exchange::push(base::core_id from, base::core_id to, mail& m) {
  lane& l = lane_of(from, to);
  if (l.held.empty() && l.ring.try_push(&m)) return true;
  l.held.push_back(m);
  return false;
}

bool mail_exchange::flush(base::core_id from, base::core_id to) {
  lane& l = lane_of(from, to);
  while (!l.held.empty()) {
    // Unlinked before it is pushed: from then on it is the receiver's.
    mail& first = static_cast<mail&>(l.held.pop_front());
    if (!l.ring.try_push(&first)) {
      l.held.push_front(first);
      return false;
    }
  }
  return true;
}

bool mail_exchange::announce(base::core_id from, base::core_id to) {
  station& target = at(to);
  target.posted[from.value() / 64].fetch_or(uint64_t{1} << (from.value() % 64), std::memory_order_seq_cst);
  if (!target.sleeping.load(std::memory_order_seq_cst)) return false;
  return target.sleeping.exchange(false,
                                  std::memory_order_seq_cst);  // one of several senders wakes
}

bool mail_exchange::waiting(base::core_id self) const noexcept {
  const station& own = at(self);
  for (unsigned i = 0; i < words_; ++i) {
    if (own.posted[i].load(std::memory_order_seq_cst) != 0) return true;
  }
  return own.outside.load(std::memory_order_seq_cst);
}

bool mail_exchange::take(base::core_id self, ready_list& ready) {
  station& own = at(self);
  bool any = false;
  for (unsigned word = 0; word < words_; ++word) {
    if (own.posted[word].load(std::memory_order_relaxed) == 0) continue;
    uint64_t senders = own.posted[word].exchange(0, std::memory_order_seq_cst);
    for (; senders != 0; senders &= senders - 1) {
      const base::core_id from(word * 64 + static_cast<unsigned>(std::countr_zero(senders)));
      mail* batch[64];
      for (;;) {
        const size_t count = lane_of(from, self).ring.pop_many(batch, std::size(batch));
        fetch_ahead({batch, count});
        for (size_t i = 0; i < count; ++i) ready.push_back(*batch[i]);
        any = any || count > 0;
        if (count < std::size(batch)) break;
      }
    }
  }
  if (own.outside.load(std::memory_order_relaxed)) {
    const std::lock_guard guard(own.lock);
    own.outside.store(false, std::memory_order_seq_cst);
    for (mail* m : own.letters) ready.push_back(*m);
    any = any || !own.letters.empty();
    own.letters.clear();
  }
  return any;
}

bool mail_exchange::fall_asleep(base::core_id self) {
  station& own = at(self);
  own.sleeping.store(true, std::memory_order_seq_cst);
  if (!waiting(self)) return true;
  own.sleeping.store(false, std::memory_order_relaxed);
  return false;
}

void mail_exchange::wake_up(base::core_id self) noexcept { at(self).sleeping.store(false, std::memory_order_relaxed); }

void mail_exchange::connect(base::core_id self, int ring, int event) {
  station& own = at(self);
  const std::lock_guard guard(own.lock);
  own.ring.store(ring, std::memory_order_release);
  own.event.store(event, std::memory_order_release);
}

void mail_exchange::ring_bell(base::core_id target) const noexcept {
  const int event = at(target).event.load(std::memory_order_acquire);
  if (event >= 0) (void)eventfd_write(event, 1);
}

void mail_exchange::post_from_outside(base::core_id target, mail& m) {
  station& to = at(target);
  // The bell is rung under the lock, so that the descriptor is not closed meanwhile.
  const std::lock_guard guard(to.lock);
  to.letters.push_back(&m);
  to.outside.store(true, std::memory_order_seq_cst);
  if (to.sleeping.exchange(false, std::memory_order_seq_cst)) ring_bell(target);
}

}  // namespace millrace::reactor
