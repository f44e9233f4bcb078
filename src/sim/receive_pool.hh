#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.hh"
#include "base/prng.hh"
#include "reactor/op.hh"
#include "sim/faults.hh"

/// The few receive buffers of one core. Which is lent next is drawn; what comes back is
/// overwritten, so that bytes read after the release are seen to be wrong.

namespace millrace::sim {

class receive_pool {
 public:
  receive_pool(base::prng random, const network_faults& options);

  /// A buffer with room for buffer_bytes(), or null where all are lent.
  reactor::lent_buffer* lend();
  void give_back(reactor::lent_buffer& b);
  uint32_t buffer_bytes() const noexcept { return buffer_bytes_; }
  size_t count() const noexcept { return buffers_.size(); }
  size_t lent() const noexcept { return buffers_.size() - free_.size(); }

 private:
  base::prng random_;
  uint32_t buffer_bytes_;
  std::vector<uint8_t> memory_;
  std::vector<reactor::lent_buffer> buffers_;
  std::vector<uint32_t> free_;
  std::vector<bool> out_;
};

}  // namespace millrace::sim
