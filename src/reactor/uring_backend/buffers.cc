#include "reactor/uring_backend/buffers.hh"

#include <bit>
#include <cstring>

#include "base/assert.hh"

namespace millrace::reactor::uring {

base::result<std::unique_ptr<receive_buffers>> receive_buffers::make(io_uring& ring, memory& from, unsigned count,
                                                                     size_t bytes) {
  if (!std::has_single_bit(count) || count > 32768 || bytes == 0 || bytes > UINT32_MAX) {
    return base::fail(base::errc::invalid_argument);
  }
  std::unique_ptr<receive_buffers> made(new receive_buffers);
  made->ring_memory_ = from.allocate(count * sizeof(io_uring_buf));
  made->data_ = from.allocate(count * bytes);
  if (!made->ring_memory_ || !made->data_) return base::fail(base::errc::no_memory);
  made->count_ = count;
  made->bytes_ = bytes;
  made->descriptors_ = std::make_unique<lent_buffer[]>(count);

  // io_uring_setup_buf_ring of newer libraries does this, with memory of its own.
  std::memset(made->ring_memory_.data(), 0, made->ring_memory_.size());
  made->ring_ = reinterpret_cast<io_uring_buf_ring*>(made->ring_memory_.data());
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uintptr_t>(made->ring_);
  registration.ring_entries = count;
  registration.bgid = group;
  if (const int answer = io_uring_register_buf_ring(&ring, &registration, 0); answer < 0) {
    return base::fail(base::errc::unsupported, -answer);
  }
  io_uring_buf_ring_init(made->ring_);
  for (unsigned id = 0; id < count; ++id) {
    made->descriptors_[id].data = made->data_.data() + id * bytes;
    made->descriptors_[id].id = id;
    made->provide(id);
  }
  return made;
}

void receive_buffers::provide(unsigned id) noexcept {
  io_uring_buf_ring_add(ring_, descriptors_[id].data, static_cast<unsigned>(bytes_), static_cast<unsigned short>(id),
                        io_uring_buf_ring_mask(count_), 0);
  io_uring_buf_ring_advance(ring_, 1);
}

lent_buffer& receive_buffers::taken(unsigned id, uint32_t size) noexcept {
  ASSERT(id < count_ && size <= bytes_);
  ++lent_;
  lent_buffer& b = descriptors_[id];
  b.size = size;
  return b;
}

void receive_buffers::give_back(lent_buffer& b) noexcept {
  ASSERT(&b == &descriptors_[b.id] && lent_ > 0);
  b.unlink();
  --lent_;
  provide(b.id);
}

}  // namespace millrace::reactor::uring
