#pragma once

#include <cstdint>
#include <memory>

#include "base/result.hh"
#include "reactor/memory.hh"
#include "reactor/op.hh"
#include "reactor/uring_backend/compat.hh"

/// The receive buffers of one ring: a block of the core's memory cut into equal parts, provided to
/// the kernel by a buffer ring. The kernel takes one when bytes arrive; it comes back through
/// give_back().

namespace millrace::reactor::uring {

class receive_buffers {
 public:
  static constexpr int group = 0;

  /// `count` is a power of two up to 32,768. Errors: no_memory where the core's memory is too
  /// small.
  static base::result<std::unique_ptr<receive_buffers>> make(io_uring& ring, memory& from, unsigned count, size_t bytes);
  receive_buffers(const receive_buffers&) = delete;
  receive_buffers& operator=(const receive_buffers&) = delete;

  /// The buffer that a completion names, with `size` bytes in it.
  lent_buffer& taken(unsigned id, uint32_t size) noexcept;
  void give_back(lent_buffer& b) noexcept;
  /// How many the kernel has, as far as completions have told.
  unsigned available() const noexcept { return count_ - lent_; }

 private:
  receive_buffers() = default;
  void provide(unsigned id) noexcept;

  chunk ring_memory_;
  chunk data_;
  io_uring_buf_ring* ring_ = nullptr;
  std::unique_ptr<lent_buffer[]> descriptors_;
  unsigned count_ = 0;
  unsigned lent_ = 0;
  size_t bytes_ = 0;
};

}  // namespace millrace::reactor::uring
