#include "common/buffer_ring.hh"

#include <sys/mman.h>

#include "common/die.hh"
#include "common/machine.hh"

namespace millrace::bench {

buffer_ring::buffer_ring(io_uring* owner) : memory_(huge_memory(count * size)) {
  void* entries = mmap(nullptr, count * sizeof(io_uring_buf), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (entries == MAP_FAILED) die("no memory for a buffer ring");
  ring_ = static_cast<io_uring_buf_ring*>(entries);
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uint64_t>(entries);
  registration.ring_entries = count;
  registration.bgid = group;
  must(io_uring_register_buf_ring(owner, &registration, 0), "io_uring_register_buf_ring");
  io_uring_buf_ring_init(ring_);
  for (unsigned id = 0; id < count; ++id) give_back(static_cast<uint16_t>(id));
  publish();
}

void buffer_ring::give_back(uint16_t id) {
  io_uring_buf_ring_add(ring_, buffer(id), size, id, io_uring_buf_ring_mask(count), added_++);
}

void buffer_ring::publish() {
  if (added_ > 0) io_uring_buf_ring_advance(ring_, added_);
  added_ = 0;
}

}  // namespace millrace::bench
