#include "api/kafka/frame_room.hh"

#include "api/kafka/frame_buffer.hh"

namespace millrace::api::kafka {

bool frame_room::take_large(const frame_buffer& frame, size_t bytes, size_t* reserved) noexcept {
  if (large_.try_take(bytes)) return true;
  if (arriving_.empty() || &arriving_.front() != &frame || !reserve_.try_take(bytes)) return false;
  *reserved += bytes;
  return true;
}

void frame_room::give_back_large(size_t bytes, size_t reserved) noexcept {
  large_.give_back(bytes - reserved);
  reserve_.give_back(reserved);
}

void frame_room::enter(frame_buffer& frame) noexcept { arriving_.push_back(frame); }

}  // namespace millrace::api::kafka
