#include "api/kafka/huge_frames.hh"

#include <algorithm>

#include "base/assert.hh"

namespace millrace::api::kafka {

namespace {
/// Far above the time after which a frame that waits asks again.
constexpr base::duration asked_lately = base::seconds(1);
}  // namespace

huge_frames::huge_frames(unsigned cores, size_t bytes, size_t frame_max)
    : frame_max_(std::min(bytes, frame_max)), shared_(bytes - frame_max_), cores_(cores), wishes_(new wish[cores]) {}

bool huge_frames::try_take(size_t bytes) noexcept {
  size_t before = used();
  do {
    if (before > shared_ || bytes > shared_ - before) return false;
  } while (!used_.compare_exchange_weak(before, before + bytes, std::memory_order_relaxed));
  return true;
}

void huge_frames::give_back(size_t bytes) noexcept {
  const size_t before = used_.fetch_sub(bytes, std::memory_order_relaxed);
  ASSERT(before >= bytes);
}

/// The wishes say whose turn it is; that two do not have it rests on `holder_` alone.
bool huge_frames::try_turn(base::core_id core, base::instant now) noexcept {
  wish& own = wishes_[core.value()];
  own.asked_ns.store(now.ns, std::memory_order_relaxed);
  if (own.number.load(std::memory_order_relaxed) == 0) {
    own.number.store(numbers_.fetch_add(1, std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  const uint64_t mine = own.number.load(std::memory_order_relaxed);
  for (unsigned i = 0; i < cores_; ++i) {
    const uint64_t number = wishes_[i].number.load(std::memory_order_relaxed);
    const int64_t asked_ns = wishes_[i].asked_ns.load(std::memory_order_relaxed);
    if (number != 0 && number < mine && now.ns - asked_ns < asked_lately.ns) return false;
  }
  uint32_t nobody = 0;
  return holder_.compare_exchange_strong(nobody, core.value() + 1, std::memory_order_relaxed);
}

void huge_frames::end_turn(base::core_id core) noexcept {
  wishes_[core.value()].number.store(0, std::memory_order_relaxed);
  uint32_t me = core.value() + 1;
  holder_.compare_exchange_strong(me, 0, std::memory_order_relaxed);
}

}  // namespace millrace::api::kafka
