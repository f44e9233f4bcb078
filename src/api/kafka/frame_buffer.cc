#include "api/kafka/frame_buffer.hh"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace millrace::api::kafka {

namespace {
constexpr size_t block_first = 4 << 10;
/// Frames over it have a share of their own; up to it a block grows fourfold, then twofold.
constexpr size_t small_max = 64 << 10;
constexpr size_t page = 4096;

size_t in_pages(size_t bytes) { return (bytes + page - 1) / page * page; }
}  // namespace

frame_buffer::frame_buffer(frame_buffer&& other) noexcept
    : pool_(other.pool_),
      room_(other.room_),
      data_(std::exchange(other.data_, nullptr)),
      capacity_(std::exchange(other.capacity_, 0)),
      wanted_(std::exchange(other.wanted_, 0)),
      have_(std::exchange(other.have_, 0)),
      charged_(std::exchange(other.charged_, 0)),
      reserved_(std::exchange(other.reserved_, 0)),
      block_(std::move(other.block_)),
      mapped_(std::exchange(other.mapped_, 0)) {
  ASSERT(have_ == wanted_);  // one that is still arriving stays where it is
  other.unlink();
}

bool frame_buffer::is_large() const noexcept { return wanted_ > small_max; }

bool frame_buffer::charge(size_t bytes) noexcept {
  const bool taken = mapped_ > 0  ? room_->take_huge(*this, bytes, &reserved_)
                     : is_large() ? room_->take_large(*this, bytes, &reserved_)
                                  : room_->take_small(bytes);
  if (taken) charged_ += bytes;
  return taken;
}

void frame_buffer::discharge() noexcept {
  if (mapped_ > 0) {
    room_->give_back_huge(charged_, reserved_);
  } else if (is_large()) {
    room_->give_back_large(charged_, reserved_);
  } else {
    room_->give_back_small(charged_);
  }
  charged_ = reserved_ = 0;
}

void frame_buffer::begin(size_t bytes) noexcept {
  ASSERT(!active() && bytes > 0);
  wanted_ = bytes;
}

base::result<size_t> frame_buffer::take(base::bytes data) {
  const size_t size = std::min(data.size(), missing());
  bool room = have_ + size <= capacity_ || grow(have_ + size);
  if (room && mapped_ > 0) {
    const size_t backed = in_pages(have_ + size);
    room = backed <= charged_ || charge(backed - charged_);
  }
  if (!room) {
    room_->note_refusal(*this);
    return base::fail(base::errc::no_memory);
  }
  std::memcpy(data_ + have_, data.data(), size);
  have_ += size;
  if (complete()) room_->leave(*this);  // the next one is the oldest that arrives
  return size;
}

size_t frame_buffer::block_for(size_t bytes) const noexcept {
  size_t size = block_first;
  while (size < bytes) size *= size < small_max ? 4 : 2;
  return std::min(size, wanted_);
}

/// Room for at least `bytes`; a frame so large that pages come one by one gets its address space.
bool frame_buffer::grow(size_t bytes) {
  if (is_large() && bytes > small_max && !linked()) room_->enter(*this);
  return is_huge() && bytes > small_max ? map(bytes) : grow_pooled(bytes);
}

bool frame_buffer::grow_pooled(size_t bytes) {
  reactor::chunk larger = pool_->allocate(block_for(bytes));
  if (!larger || !charge(larger.size() - charged_)) return false;
  if (have_ > 0) std::memcpy(larger.data(), data_, have_);
  block_ = std::move(larger);
  data_ = block_.data();
  capacity_ = block_.size();
  return true;
}

bool frame_buffer::map(size_t bytes) {
  size_t reserved = 0;
  const size_t backed = in_pages(bytes);
  if (!room_->take_huge(*this, backed, &reserved)) return false;
  void* space = mmap(nullptr, wanted_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (space == MAP_FAILED) {
    room_->give_back_huge(backed, reserved);
    return false;
  }
  if (have_ > 0) std::memcpy(space, data_, have_);
  discharge();  // the block
  block_ = {};
  charged_ = backed;
  reserved_ = reserved;
  data_ = static_cast<uint8_t*>(space);
  capacity_ = mapped_ = wanted_;
  return true;
}

void frame_buffer::reset() noexcept {
  if (mapped_ > 0) munmap(data_, mapped_);
  block_ = {};
  room_->leave(*this);
  discharge();
  data_ = nullptr;
  capacity_ = wanted_ = have_ = mapped_ = 0;
}

}  // namespace millrace::api::kafka
