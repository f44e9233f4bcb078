#include "sim/receive_pool.hh"

#include <cstring>
#include <utility>

#include "base/assert.hh"

namespace millrace::sim {

receive_pool::receive_pool(base::prng random, const network_faults& options)
    : random_(random),
      buffer_bytes_(
          static_cast<uint32_t>(random_.between(options.receive_buffer_bytes_least, options.receive_buffer_bytes_most))),
      buffers_(static_cast<size_t>(random_.between(options.receive_buffers_least, options.receive_buffers_most))),
      out_(buffers_.size(), false) {
  memory_.resize(buffers_.size() * buffer_bytes_);
  for (uint32_t i = 0; i < buffers_.size(); ++i) {
    buffers_[i].id = i;
    buffers_[i].data = memory_.data() + size_t{i} * buffer_bytes_;
    free_.push_back(i);
  }
}

reactor::lent_buffer* receive_pool::lend() {
  if (free_.empty()) return nullptr;
  std::swap(free_[random_.below(free_.size())], free_.back());
  reactor::lent_buffer& lent = buffers_[free_.back()];
  free_.pop_back();
  out_[lent.id] = true;
  return &lent;
}

void receive_pool::give_back(reactor::lent_buffer& b) {
  ASSERT(b.id < buffers_.size() && &b == &buffers_[b.id]);
  ASSERT(out_[b.id]);
  b.unlink();
  out_[b.id] = false;
  std::memset(b.data, 0xdb, b.size);
  b.size = 0;
  free_.push_back(b.id);
}

}  // namespace millrace::sim
