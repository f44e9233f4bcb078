#include "storage/file_range.hh"

#include <utility>

#include "storage/segment.hh"

namespace millrace::storage {

file_range::file_range(segment& in, uint64_t position) : segment_(&in), position_(position), handle_(in.splice_handle()) {
  ASSERT(handle_ >= 0 && in.state == segment_state::closed);
  ++segment_->readers;
}

file_range::file_range(file_range&& other) noexcept
    : segment_(std::exchange(other.segment_, nullptr)), position_(other.position_), handle_(other.handle_) {}

file_range& file_range::operator=(file_range&& other) noexcept {
  if (this == &other) return *this;
  let_go();
  segment_ = std::exchange(other.segment_, nullptr);
  position_ = other.position_;
  handle_ = other.handle_;
  return *this;
}

void file_range::let_go() noexcept {
  if (segment_ == nullptr) return;
  --std::exchange(segment_, nullptr)->readers;
}

}  // namespace millrace::storage
