#pragma once

#include <algorithm>
#include <cstdint>

#include "reactor/memory.hh"

namespace millrace::broker {

/// The largest batch that a core with so many bytes of buffer memory takes: it must fit its logs' tails beside others, and
/// one block when it is read back from disk.
constexpr uint64_t batch_bytes_max(uint64_t core_memory_bytes) {
  constexpr uint64_t one_block = reactor::memory::block_bytes_max - (64 << 10);
  return std::min(one_block, core_memory_bytes / 8);
}

}  // namespace millrace::broker
