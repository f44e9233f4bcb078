#pragma once

#include <cstddef>
#include <cstdint>

#include "base/intrusive_list.hh"
#include "reactor/memory.hh"

/// Memory for the frames that arrive at one core. Small frames have a share of their own, so that large ones cannot keep
/// them waiting. When the large ones have used theirs up, the oldest may go on, by at most one frame of the largest size:
/// so one always finishes, whatever the others wait for.

namespace millrace::api::kafka {

struct frame_tag;
class frame_buffer;

class frame_room {
 public:
  /// Bytes for small and for large frames, and of the largest frame.
  frame_room(size_t small, size_t large, size_t frame_max) : small_(small), large_(large), reserve_(frame_max) {}

  /// Takes `bytes` for a frame; false where it has to wait. What the reserve gave is counted in `*reserved`.
  bool take_small(size_t bytes) noexcept { return small_.try_take(bytes); }
  bool take_large(const frame_buffer& frame, size_t bytes, size_t* reserved) noexcept;
  void give_back_small(size_t bytes) noexcept { small_.give_back(bytes); }
  /// `bytes` in all, `reserved` of them from the reserve.
  void give_back_large(size_t bytes, size_t reserved) noexcept;
  const reactor::budget& small() const noexcept { return small_; }
  const reactor::budget& large() const noexcept { return large_; }
  const reactor::budget& reserve() const noexcept { return reserve_; }
  /// Half of what large frames may have is taken: what more is received of them may have no place.
  bool scarce() const noexcept { return large_.used() > large_.limit() / 2; }
  /// A frame had to wait; how often that was.
  void note_refusal() noexcept { ++refusals_; }
  uint64_t refusals() const noexcept { return refusals_; }
  /// Counts memory beside the frames against the share of the large ones: they wait until it is given back.
  void overdraw_large(size_t bytes) noexcept { large_.overdraw(bytes); }
  void give_back_overdrawn(size_t bytes) noexcept { large_.give_back(bytes); }
  /// From now on until it unlinks itself the frame is one of the large ones that arrive.
  void enter(frame_buffer& frame) noexcept;

 private:
  uint64_t refusals_ = 0;
  reactor::budget small_;
  reactor::budget large_;
  reactor::budget reserve_;
  base::intrusive_list<frame_buffer, frame_tag> arriving_;  // the oldest first
};

}  // namespace millrace::api::kafka
