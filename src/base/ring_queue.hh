#pragma once

#include <bit>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include "base/assert.hh"

/// A first-in first-out queue of fixed capacity for one thread: one allocation when it is made,
/// none later.

namespace millrace::base {

template <class T>
class ring_queue {
 public:
  /// Holds `capacity` elements, rounded up to a power of two.
  explicit ring_queue(size_t capacity) : mask_(std::bit_ceil(capacity) - 1), cells_(new cell[mask_ + 1]) {
    ASSERT(capacity > 0);
  }
  ring_queue(const ring_queue&) = delete;
  ring_queue& operator=(const ring_queue&) = delete;
  ~ring_queue() { clear(); }

  bool empty() const { return head_ == tail_; }
  bool full() const { return size() > mask_; }
  size_t size() const { return tail_ - head_; }
  size_t capacity() const { return mask_ + 1; }

  /// Constructs at the end; false, and nothing is touched, where the ring is full.
  template <class... Args>
  [[nodiscard]] bool try_emplace(Args&&... args) {
    if (full()) return false;
    new (cells_[tail_ & mask_].storage) T(std::forward<Args>(args)...);
    ++tail_;
    return true;
  }
  [[nodiscard]] bool try_push(T value) { return try_emplace(std::move(value)); }

  T& front() { return (*this)[0]; }
  T& back() {
    ASSERT(!empty());
    return at(tail_ - 1);
  }
  /// Counted from the oldest.
  T& operator[](size_t index) {
    ASSERT(index < size());
    return at(head_ + index);
  }
  T pop() {
    T& oldest = front();
    T value = std::move(oldest);
    oldest.~T();
    ++head_;
    return value;
  }
  void clear() {
    while (!empty()) {
      at(head_).~T();
      ++head_;
    }
  }

 private:
  struct cell {
    alignas(T) std::byte storage[sizeof(T)];
  };
  T& at(size_t position) { return *std::launder(reinterpret_cast<T*>(cells_[position & mask_].storage)); }

  const size_t mask_;
  std::unique_ptr<cell[]> cells_;
  /// Positions count up for ever and are masked on use. Invariant: tail_ - head_ <= capacity.
  size_t head_ = 0;
  size_t tail_ = 0;
};

}  // namespace millrace::base
