#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>

namespace millrace::bench {

/// Equal buffers that the kernel fills in a multishot receive, in huge pages. One group, number 1,
/// on one ring; lives as long as the ring.
class buffer_ring {
 public:
  static constexpr unsigned count = 256;
  static constexpr size_t size = 64 << 10;
  static constexpr uint16_t group = 1;

  explicit buffer_ring(io_uring* owner);
  buffer_ring(const buffer_ring&) = delete;
  buffer_ring& operator=(const buffer_ring&) = delete;

  uint8_t* buffer(uint16_t id) { return memory_ + id * size; }
  /// Takes effect at the next publish().
  void give_back(uint16_t id);
  void publish();

 private:
  io_uring_buf_ring* ring_;
  uint8_t* memory_;
  int added_ = 0;
};

}  // namespace millrace::bench
