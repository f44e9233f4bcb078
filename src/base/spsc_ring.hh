#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>
#include <type_traits>

#include "base/assert.hh"
#include "base/limits.hh"

/// A lock-free ring from one producing thread to one consuming thread. Each side keeps its own
/// position and a stale copy of the other's on its own cache line, so that a line moves between
/// cores only when a side believes the ring full or empty.

namespace millrace::base {

template <class T>
class spsc_ring {
  static_assert(std::is_trivially_copyable_v<T>, "what crosses cores is bits");

 public:
  /// Holds `capacity` elements, rounded up to a power of two.
  explicit spsc_ring(size_t capacity) : mask_(std::bit_ceil(capacity) - 1), cells_(new T[mask_ + 1]) {
    ASSERT(capacity > 0);
  }
  spsc_ring(const spsc_ring&) = delete;
  spsc_ring& operator=(const spsc_ring&) = delete;

  size_t capacity() const { return mask_ + 1; }

  /// Producer only. False where the ring is full.
  [[nodiscard]] bool try_push(const T& value) {
    const size_t tail = producer_.position.load(std::memory_order_relaxed);
    if (tail - producer_.other > mask_) {
      producer_.other = consumer_.position.load(std::memory_order_acquire);
      if (tail - producer_.other > mask_) return false;
    }
    cells_[tail & mask_] = value;
    producer_.position.store(tail + 1, std::memory_order_release);
    return true;
  }

  /// Consumer only. False where the ring is empty.
  [[nodiscard]] bool try_pop(T& value) { return pop_many(&value, 1) == 1; }

  /// Consumer only. Takes up to `count_max`, oldest first, and returns how many: one release for
  /// all of them.
  size_t pop_many(T* target, size_t count_max) {
    const size_t head = consumer_.position.load(std::memory_order_relaxed);
    if (consumer_.other - head < count_max) {
      consumer_.other = producer_.position.load(std::memory_order_acquire);
    }
    const size_t ready = consumer_.other - head;
    const size_t count = ready < count_max ? ready : count_max;
    for (size_t i = 0; i < count; ++i) target[i] = cells_[(head + i) & mask_];
    if (count > 0) consumer_.position.store(head + count, std::memory_order_release);
    return count;
  }

  /// Either side; a snapshot. What the consumer sees as not empty stays so until it pops, what the
  /// producer sees as empty stays so until it pushes.
  bool empty() const {
    const size_t head = consumer_.position.load(std::memory_order_acquire);
    return head == producer_.position.load(std::memory_order_acquire);
  }

 private:
  struct alignas(cache_line_bytes) side {
    std::atomic<size_t> position{0};  ///< counts up for ever, masked on use
    size_t other = 0;                 ///< the opposite position when last looked at; never ahead of it
  };
  const size_t mask_;
  std::unique_ptr<T[]> cells_;
  side producer_;
  side consumer_;
};

}  // namespace millrace::base
