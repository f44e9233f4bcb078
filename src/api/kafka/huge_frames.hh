#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/limits.hh"
#include "base/tagged.hh"
#include "base/time.hh"

/// Memory for the frames that the cores' buffers cannot hold (frame_buffer.hh), of all cores of one process together: it
/// is beside the buffers, so its bound is a part of the process's. A place for one frame of the largest size is kept back
/// for one core at a time, in order of asking: so one of them always finishes, whatever the others wait for. Made before
/// the doors, dies after them; any core may call everything.

namespace millrace::api::kafka {

class huge_frames {
 public:
  /// `bytes` in all. `frame_max`: of the largest frame; larger ones than all of `bytes` have no place here.
  huge_frames(unsigned cores, size_t bytes, size_t frame_max);

  size_t bytes() const noexcept { return shared_ + frame_max_; }
  size_t frame_max() const noexcept { return frame_max_; }
  /// Of what all share, beside the place that is kept back.
  size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }

  bool try_take(size_t bytes) noexcept;
  /// Takes past the bound, for memory beside the frames: they wait until it is given back.
  void overdraw(size_t bytes) noexcept { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void give_back(size_t bytes) noexcept;
  /// Asks for the place that is kept back; true where it is `core`'s from now on. Who waits for it asks again and again:
  /// one that has not asked for a while is passed over.
  bool try_turn(base::core_id core, base::instant now) noexcept;
  /// `core` no longer has the place, or no longer asks for it.
  void end_turn(base::core_id core) noexcept;
  /// A frame had to wait; how often that was.
  void note_refusal() noexcept { refusals_.fetch_add(1, std::memory_order_relaxed); }
  uint64_t refusals() const noexcept { return refusals_.load(std::memory_order_relaxed); }

 private:
  struct alignas(base::cache_line_bytes) wish {
    std::atomic<uint64_t> number{0};  // 0: none
    std::atomic<int64_t> asked_ns{0};
  };
  const size_t frame_max_;
  const size_t shared_;
  const unsigned cores_;
  const std::unique_ptr<wish[]> wishes_;  // by core
  std::atomic<uint64_t> numbers_{0};
  std::atomic<uint32_t> holder_{0};  // core + 1
  std::atomic<size_t> used_{0};
  std::atomic<uint64_t> refusals_{0};
};

}  // namespace millrace::api::kafka
