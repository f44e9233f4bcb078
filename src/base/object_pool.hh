#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "base/assert.hh"

/// A bounded free list of objects of one type, for one core: taking and giving back allocate
/// nothing once the pool has grown to what is in use. Memory goes back to the system only with the
/// pool.

namespace millrace::base {

template <class T>
class object_pool {
 public:
  /// Lends at most `count_max` objects at a time and grows by `slab_count` of them.
  explicit object_pool(size_t count_max, size_t slab_count = 64) : count_max_(count_max), slab_count_(slab_count) {
    ASSERT(slab_count > 0);
  }
  object_pool(const object_pool&) = delete;
  object_pool& operator=(const object_pool&) = delete;
  /// All objects have come home.
  ~object_pool() { ASSERT(in_use_ == 0); }

  /// A T constructed from `args`, or nullptr where all count_max are lent.
  template <class... Args>
  [[nodiscard]] T* take(Args&&... args) {
    if (free_ == nullptr && !grow()) return nullptr;
    cell* taken = free_;
    cell* rest = taken->next;
    T* object = new (taken->storage) T(std::forward<Args>(args)...);
    free_ = rest;
    ++in_use_;
    return object;
  }

  /// Destroys an object of this pool; nullptr is none.
  void give_back(T* object) noexcept {
    if (object == nullptr) return;
    ASSERT(in_use_ > 0);
    object->~T();
    cell* home = reinterpret_cast<cell*>(object);
    home->next = free_;
    free_ = home;
    --in_use_;
  }

  size_t in_use() const { return in_use_; }
  size_t count_max() const { return count_max_; }

 private:
  union cell {
    cell* next;
    alignas(T) std::byte storage[sizeof(T)];
  };

  bool grow() {
    const size_t count = std::min(slab_count_, count_max_ - grown_);
    if (count == 0) return false;
    slabs_.push_back(std::unique_ptr<cell[]>(new cell[count]));
    cell* slab = slabs_.back().get();
    for (size_t i = count; i-- > 0;) {
      slab[i].next = free_;
      free_ = &slab[i];
    }
    grown_ += count;
    return true;
  }

  const size_t count_max_;
  const size_t slab_count_;
  size_t grown_ = 0;   ///< cells made so far; <= count_max_
  size_t in_use_ = 0;  ///< objects lent; <= grown_
  cell* free_ = nullptr;
  std::vector<std::unique_ptr<cell[]>> slabs_;
};

}  // namespace millrace::base
