#include "api/kafka/frame_room.hh"

#include <algorithm>

#include "api/kafka/frame_buffer.hh"

namespace millrace::api::kafka {

frame_room::frame_room(reactor::core& on, size_t frame_max, huge_frames& huge)
    : core_(on),
      huge_(huge),
      frame_max_(std::min(frame_max, std::max(huge.frame_max(), large_max))),
      small_(on.memory().capacity() / 8),
      large_(on.memory().capacity() / 4),
      reserve_(std::min(frame_max, large_max)) {}

bool frame_room::take_large(const frame_buffer& frame, size_t bytes, size_t* reserved) noexcept {
  if (large_.try_take(bytes)) return true;
  if (!goes_first(frame) || !reserve_.try_take(bytes)) return false;
  *reserved += bytes;
  return true;
}

bool frame_room::take_huge(const frame_buffer& frame, size_t bytes, size_t* reserved) noexcept {
  if (*reserved == 0) {
    if (huge_.try_take(bytes)) {
      huge_bytes_ += bytes;
      return true;
    }
    if (has_turn_ || !goes_first(frame)) return false;
    asks_ = &frame;
    if (!huge_.try_turn(core_.id(), core_.now())) return false;
    asks_ = nullptr;
    has_turn_ = true;
  }
  *reserved += bytes;  // at most the frame, for which there is a place
  huge_bytes_ += bytes;
  return true;
}

void frame_room::give_back_large(size_t bytes, size_t reserved) noexcept {
  large_.give_back(bytes - reserved);
  reserve_.give_back(reserved);
}

void frame_room::give_back_huge(size_t bytes, size_t reserved) noexcept {
  huge_bytes_ -= bytes;
  huge_.give_back(bytes - reserved);
  if (reserved == 0) return;
  has_turn_ = false;
  huge_.end_turn(core_.id());
}

bool frame_room::goes_first(const frame_buffer& frame) noexcept {
  return (!large_arriving_.empty() && &large_arriving_.front() == &frame) ||
         (!huge_arriving_.empty() && &huge_arriving_.front() == &frame);
}

void frame_room::note_refusal(const frame_buffer& frame) noexcept {
  if (frame.is_huge()) huge_.note_refusal();
  ++refusals_;
}

uint64_t frame_room::refusals(const frame_buffer& frame) const noexcept {
  return frame.is_huge() ? huge_.refusals() : refusals_;
}

void frame_room::enter(frame_buffer& frame) noexcept {
  (frame.is_huge() ? huge_arriving_ : large_arriving_).push_back(frame);
}

void frame_room::leave(frame_buffer& frame) noexcept {
  frame.unlink();
  if (asks_ != &frame) return;
  asks_ = nullptr;
  huge_.end_turn(core_.id());
}

}  // namespace millrace::api::kafka
