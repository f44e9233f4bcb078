#include "api/kafka/reply_buffer.hh"

#include <algorithm>

namespace millrace::api::kafka {

namespace {
constexpr size_t small_block = 4 << 10;
constexpr size_t large_block = 64 << 10;
}  // namespace

base::mutable_bytes reply_buffer::reserve(size_t bytes) {
  if (blocks_.empty() || blocks_.back().size() - block_used_ < bytes) {
    // A connection with few answers in flight keeps one small block.
    const size_t wanted = std::max(bytes, blocks_.empty() ? small_block : large_block);
    reactor::chunk block = wanted <= reactor::memory::block_bytes_max ? pool_->allocate(wanted) : reactor::chunk();
    if (!block) {
      overflow_.emplace_back(bytes);
      held_ += bytes;
      return overflow_.back();
    }
    if (!blocks_.empty() || block.size() > small_block) held_ += block.size();
    blocks_.push_back(std::move(block));
    block_used_ = 0;
  }
  uint8_t* at = blocks_.back().data() + block_used_;
  block_used_ += bytes;
  return {at, bytes};
}

base::mutable_bytes reply_buffer::append(size_t bytes) {
  const base::mutable_bytes memory = reserve(bytes);
  // Neighbours become one piece.
  if (!pieces_.empty()) {
    iovec& last = pieces_.back();
    if (last.iov_base != nullptr && static_cast<uint8_t*>(last.iov_base) + last.iov_len == memory.data()) {
      last.iov_len += bytes;
      bytes_ += bytes;
      return memory;
    }
  }
  refer(memory);
  return memory;
}

void reply_buffer::refer(base::bytes data) {
  if (data.empty()) return;
  ASSERT(data.data() != nullptr);  // a piece without an address is in a file
  pieces_.push_back({const_cast<uint8_t*>(data.data()), data.size()});
  bytes_ += data.size();
}

void reply_buffer::refer(const file_piece& data) {
  if (data.size == 0) return;
  files_.push_back(data);
  pieces_.push_back({nullptr, data.size});
  bytes_ += data.size;
}

file_piece reply_buffer::next_file(size_t bytes_max) {
  ASSERT(at_file() && bytes_max > 0);
  file_piece& whole = files_[first_file_];
  file_piece next = whole;
  next.size = std::min<uint64_t>(whole.size, bytes_max);
  whole.position += next.size;
  whole.size -= next.size;
  pieces_[first_].iov_len -= next.size;
  bytes_ -= next.size;
  if (whole.size == 0) {
    ++first_file_;
    ++first_;
  }
  return next;
}

size_t reply_buffer::held_in_all() const noexcept {
  const bool small = !blocks_.empty() && blocks_.front().size() <= small_block;
  return held_ + (small ? blocks_.front().size() : 0);
}

std::span<const iovec> reply_buffer::next(size_t bytes_max, size_t count_max) {
  sending_.clear();
  size_t taken = 0;
  while (first_ < pieces_.size() && !at_file() && sending_.size() < count_max && taken < bytes_max) {
    iovec& piece = pieces_[first_];
    const size_t size = std::min(piece.iov_len, bytes_max - taken);
    sending_.push_back({piece.iov_base, size});
    taken += size;
    if (size == piece.iov_len) {
      ++first_;
    } else {
      piece.iov_base = static_cast<uint8_t*>(piece.iov_base) + size;
      piece.iov_len -= size;
    }
  }
  bytes_ -= taken;
  return sending_;
}

void reply_buffer::clear_sent() {
  ASSERT(empty());
  pieces_.clear();
  sending_.clear();
  overflow_.clear();
  files_.clear();
  first_ = first_file_ = bytes_ = block_used_ = held_ = 0;
  if (blocks_.size() > 1) blocks_.resize(1);
  if (!blocks_.empty() && blocks_.front().size() > small_block) blocks_.clear();
}

void reply_buffer::clear_all() {
  clear_sent();
  blocks_.clear();
}

}  // namespace millrace::api::kafka
