#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <vector>

#include "base/bytes.hh"

/// Bytes that wait for the next send of a connection, in order: small ones are copied, large ones are referred to.
/// Keeps its memory when it is emptied, so that a steady load allocates nothing.

namespace millrace::client {

class outbox {
 public:
  /// Less is cheaper to copy than to gather.
  static constexpr size_t refer_least = 2048;

  bool empty() const noexcept { return bytes_ == 0; }
  size_t size() const noexcept { return bytes_; }

  void copy(base::bytes data) {
    const size_t at = copied_.size();
    copied_.insert(copied_.end(), data.begin(), data.end());
    note_copied(at, data.size());
  }
  /// `size` bytes to be written at once; the pointer is good until the next call.
  uint8_t* make(size_t size) {
    const size_t at = copied_.size();
    copied_.resize(at + size);
    note_copied(at, size);
    return copied_.data() + at;
  }
  /// The memory stays its owner's, unchanged, until the send has ended.
  void refer(base::bytes data) {
    if (data.size() < refer_least) return copy(data);
    segments_.push_back({.at = data.data(), .place = 0, .size = data.size()});
    bytes_ += data.size();
  }
  void clear() {
    copied_.clear();
    segments_.clear();
    bytes_ = 0;
  }
  /// The pieces, for a gathering send; good until the next call of another function.
  void gather(std::vector<iovec>& pieces) {
    pieces.clear();
    for (const segment& s : segments_) {
      const uint8_t* at = s.at != nullptr ? s.at : copied_.data() + s.place;
      pieces.push_back({const_cast<uint8_t*>(at), s.size});
    }
  }

 private:
  struct segment {
    const uint8_t* at;  // null: in copied_, from `place` on
    size_t place;
    size_t size;
  };
  void note_copied(size_t at, size_t size) {
    if (size == 0) return;
    bytes_ += size;
    if (!segments_.empty() && segments_.back().at == nullptr) {
      segments_.back().size += size;  // nothing was copied in between
    } else {
      segments_.push_back({.at = nullptr, .place = at, .size = size});
    }
  }

  std::vector<uint8_t> copied_;
  std::vector<segment> segments_;
  size_t bytes_ = 0;
};

}  // namespace millrace::client
