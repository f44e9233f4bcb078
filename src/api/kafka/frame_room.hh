#pragma once

#include <cstddef>
#include <cstdint>

#include "api/kafka/huge_frames.hh"
#include "base/intrusive_list.hh"
#include "reactor/core.hh"
#include "reactor/memory.hh"

/// Memory for the frames that arrive at one core. Small frames have a share of its buffers, so that large ones cannot keep
/// them waiting; large ones, up to 4 MiB, another; huge ones share what huge_frames has. When the large or the huge ones
/// have used theirs up, the oldest may go on, by at most one frame of their largest size: so one always finishes, whatever
/// the others wait for.

namespace millrace::api::kafka {

struct frame_tag;
class frame_buffer;

class frame_room {
 public:
  static constexpr size_t large_max = size_t{4} << 20;  ///< frames over it are huge

  /// `frame_max`: of the largest frame that is asked for. `huge` is one for all cores.
  frame_room(reactor::core& on, size_t frame_max, huge_frames& huge);

  /// The largest frame that has a place here.
  size_t frame_max() const noexcept { return frame_max_; }
  /// Takes `bytes` for a frame; false where it has to wait. What the reserve gave is counted in `*reserved`.
  bool take_small(size_t bytes) noexcept { return small_.try_take(bytes); }
  bool take_large(const frame_buffer& frame, size_t bytes, size_t* reserved) noexcept;
  bool take_huge(const frame_buffer& frame, size_t bytes, size_t* reserved) noexcept;
  void give_back_small(size_t bytes) noexcept { small_.give_back(bytes); }
  /// `bytes` in all, `reserved` of them from the reserve.
  void give_back_large(size_t bytes, size_t reserved) noexcept;
  void give_back_huge(size_t bytes, size_t reserved) noexcept;
  const reactor::budget& small() const noexcept { return small_; }
  const reactor::budget& large() const noexcept { return large_; }
  const reactor::budget& reserve() const noexcept { return reserve_; }
  /// What this core's huge frames have, and where all cores' is.
  size_t huge_bytes() const noexcept { return huge_bytes_; }
  const huge_frames& huge() const noexcept { return huge_; }
  /// Half of what large frames may have is taken: what more is received of them may have no place.
  bool scarce() const noexcept { return large_.used() > large_.limit() / 2 || huge_.used() > huge_.bytes() / 2; }
  /// Of those that arrive the one that finishes, whatever the others wait for; so nothing else may keep it from being read.
  bool goes_first(const frame_buffer& frame) noexcept;
  /// A frame had to wait; how often that was, for what `frame` has a share of.
  void note_refusal(const frame_buffer& frame) noexcept;
  uint64_t refusals(const frame_buffer& frame) const noexcept;
  /// Counts memory beside the frames against what the huge ones have: they wait until it is given back.
  void overdraw_huge(size_t bytes) noexcept { huge_.overdraw(bytes); }
  void give_back_overdrawn(size_t bytes) noexcept { huge_.give_back(bytes); }
  /// From now on until it leaves the frame is one of those that arrive.
  void enter(frame_buffer& frame) noexcept;
  void leave(frame_buffer& frame) noexcept;

 private:
  using frames = base::intrusive_list<frame_buffer, frame_tag>;  // the oldest first
  reactor::core& core_;
  huge_frames& huge_;
  const size_t frame_max_;
  uint64_t refusals_ = 0;
  reactor::budget small_;
  reactor::budget large_;
  reactor::budget reserve_;
  size_t huge_bytes_ = 0;
  bool has_turn_ = false;               // a huge frame of this core has the place that is kept back
  const frame_buffer* asks_ = nullptr;  // or this one asks for it
  frames large_arriving_;
  frames huge_arriving_;
};

}  // namespace millrace::api::kafka
