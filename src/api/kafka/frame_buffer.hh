#pragma once

#include <cstdint>

#include "api/kafka/frame_room.hh"
#include "base/bytes.hh"
#include "base/intrusive_list.hh"
#include "base/result.hh"
#include "reactor/memory.hh"

/// A frame that arrives in pieces, gathered into one contiguous range. It costs memory as its bytes arrive, whatever its
/// length field announces: a pooled block that grows from 4 KiB and is at most about twice what has arrived (four times up
/// to 64 KiB), huge ones (over 4 MiB) address space of their own, which the kernel backs page by page.

namespace millrace::api::kafka {

class frame_buffer : public base::list_hook<frame_tag> {
 public:
  frame_buffer(reactor::memory& pool, frame_room& room) : pool_(&pool), room_(&room) {}
  frame_buffer(frame_buffer&& other) noexcept;
  frame_buffer& operator=(frame_buffer&&) = delete;
  ~frame_buffer() { reset(); }

  /// Begins a frame of `bytes` (without its length field).
  void begin(size_t bytes) noexcept;
  /// Of those that share the room of large ones, or of huge ones; only where active().
  bool is_large() const noexcept;
  bool is_huge() const noexcept { return wanted_ > frame_room::large_max; }
  bool active() const noexcept { return wanted_ > 0; }
  bool complete() const noexcept { return wanted_ > 0 && have_ == wanted_; }
  size_t have() const noexcept { return have_; }
  size_t missing() const noexcept { return wanted_ - have_; }
  /// Takes what belongs to the frame from the front of `data` and returns how much; no_memory where there is no room
  /// for it now: nothing was taken then.
  base::result<size_t> take(base::bytes data);
  base::bytes frame() const noexcept { return {data_, have_}; }
  base::mutable_bytes mutable_frame() noexcept { return {data_, have_}; }
  /// Bytes of memory that it holds.
  size_t held() const noexcept { return charged_; }
  void reset() noexcept;

 private:
  bool grow(size_t bytes);
  bool grow_pooled(size_t bytes);
  bool map(size_t bytes);
  size_t block_for(size_t bytes) const noexcept;
  bool charge(size_t bytes) noexcept;
  void discharge() noexcept;
  reactor::memory* pool_;
  frame_room* room_;
  uint8_t* data_ = nullptr;
  size_t capacity_ = 0;
  size_t wanted_ = 0;
  size_t have_ = 0;
  size_t charged_ = 0;
  size_t reserved_ = 0;  // of these, from the reserve
  reactor::chunk block_;
  size_t mapped_ = 0;  // bytes of address space, where there is no block
};

}  // namespace millrace::api::kafka
