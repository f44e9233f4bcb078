#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>

#include "base/hash.hh"

/// A number over the bytes of an operation's memory: who lends memory must not change it before it is given back.

namespace millrace::sim {

inline uint64_t memory_digest(std::span<const iovec> pieces) {
  uint64_t sum = 0;
  for (const iovec& piece : pieces) {
    sum = base::hash_combine(sum, base::xxh3({static_cast<const uint8_t*>(piece.iov_base), piece.iov_len}));
  }
  return sum;
}

}  // namespace millrace::sim
