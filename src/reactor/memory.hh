#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/assert.hh"
#include "base/bytes.hh"
#include "base/result.hh"

/// The buffer memory of one core: one reservation in huge pages, lent in power-of-two blocks of 4 KiB to 64 MiB by a
/// buddy allocator. Memory is touched before it is lent and never given back to the kernel. Blocks are aligned to
/// their size up to 2 MiB, so every block suits O_DIRECT. Lists live beside the memory, low addresses are lent first.

namespace millrace::reactor {

class memory;

/// A counted reference to one block. The count is not atomic: all references live on the block's core. What
/// another core must let go of travels home by mail.
class chunk {
 public:
  chunk() = default;
  chunk(const chunk& other) noexcept;
  chunk(chunk&& other) noexcept;
  chunk& operator=(chunk other) noexcept;
  ~chunk();

  explicit operator bool() const noexcept { return owner_ != nullptr; }
  uint8_t* data() const noexcept;
  size_t size() const noexcept { return owner_ ? size_t{4096} << order_ : 0; }
  base::mutable_bytes bytes() const noexcept { return {data(), size()}; }
  /// How many references there are; 1 means that only this one.
  uint32_t uses() const noexcept;
  /// Lets go of this reference. Where others are left, the block is pinned by them: it counts in memory::pinned() until
  /// the last of them is gone.
  void leave() noexcept;

 private:
  friend class memory;
  chunk(memory* owner, uint32_t page, uint8_t order) : owner_(owner), page_(page), order_(order) {}
  memory* owner_ = nullptr;
  uint32_t page_ = 0;
  uint8_t order_ = 0;
};

class memory {
 public:
  static constexpr size_t page_bytes = 4096;
  static constexpr unsigned order_max = 14;  ///< 64 MiB
  static constexpr size_t block_bytes_max = page_bytes << order_max;

  /// Reserves `bytes` (rounded up to 2 MiB) of address space, huge pages advised; touches nothing.
  static base::result<std::unique_ptr<memory>> reserve(size_t bytes);
  memory(const memory&) = delete;
  memory& operator=(const memory&) = delete;
  /// No chunk may be left.
  ~memory();

  /// A block of at least `bytes` (at most block_bytes_max), contents undefined; an empty chunk where the budget has
  /// no such block left.
  chunk allocate(size_t bytes) noexcept;

  size_t capacity() const noexcept { return capacity_; }
  size_t used() const noexcept { return used_; }        ///< bytes in lent blocks
  size_t touched() const noexcept { return touched_; }  ///< bytes that the kernel has backed
  size_t pinned() const noexcept { return pinned_; }    ///< bytes in blocks whose owner left them to who still holds them
  /// Touches up to `bytes` more, front to back: for start-up and idle turns. False when all is touched.
  bool touch(size_t bytes) noexcept;
  /// Calls off the destructor's check and forgets all blocks: the world's crash.
  void abandon() noexcept { abandoned_ = true; }

 private:
  friend class chunk;
  memory() = default;

  // What is known of a page, kept outside of the memory itself: free memory need not be touched to be listed. Only
  // the first page of a block, lent or free, says something.
  struct page_state {
    uint32_t uses;      // references to a lent block; of a free block the next in its list
    uint32_t previous;  // of a free block
    uint8_t order;
    bool free;
    bool pinned = false;
  };
  static constexpr uint32_t no_page = UINT32_MAX;

  uint8_t* base_ = nullptr;
  uint8_t* mapping_ = nullptr;
  size_t mapping_bytes_ = 0;
  size_t capacity_ = 0;
  size_t used_ = 0;
  size_t touched_ = 0;  // from the front
  uint32_t first_page_ = 0;
  size_t pinned_ = 0;
  bool abandoned_ = false;
  std::unique_ptr<page_state[], void (*)(void*)> pages_{nullptr, nullptr};
  uint32_t free_[order_max + 1];  // first of each list
  uint32_t free_orders_ = 0;      // a bit per order whose list is not empty

  /// Bytes from base_.
  size_t position(uint32_t page) const noexcept { return size_t{page - first_page_} * page_bytes; }
  void release(uint32_t page) noexcept;
  void pin(uint32_t page) noexcept;
  void touch_to(size_t end) noexcept;
  void link(uint32_t page, unsigned order) noexcept;
  void unlink(uint32_t page) noexcept;
};

/// A limit on how much of something (bytes, mostly) may be out at once.
class budget {
 public:
  explicit budget(size_t limit) : limit_(limit) {}
  bool try_take(size_t n) noexcept {
    if (n > limit_ - used_) return false;
    used_ += n;
    return true;
  }
  void give_back(size_t n) noexcept {
    ASSERT(n <= used_);
    used_ -= n;
  }
  size_t used() const noexcept { return used_; }
  size_t limit() const noexcept { return limit_; }

 private:
  size_t limit_;
  size_t used_ = 0;
};

}  // namespace millrace::reactor
