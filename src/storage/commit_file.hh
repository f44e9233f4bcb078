#pragma once

#include <cstdint>

#include "base/bytes.hh"
#include "base/result.hh"
#include "storage/types.hh"

/// The first block of a commit log's file. It is written when the file is made and when its zeros are complete, never
/// between records: which records count is said by the core's checkpoint. Pure functions; FORMAT.md draws it.

namespace millrace::storage {

inline constexpr uint64_t commit_file_magic = 0x31464c4f43524d2eu;
inline constexpr uint32_t commit_file_version = 1;
/// Records lie in [commit_ring_begin, size of the file).
inline constexpr uint64_t commit_ring_begin = block_bytes;
inline constexpr uint64_t commit_file_bytes_min = commit_ring_begin + (256u << 10);

struct commit_file_header {
  uint64_t file_bytes = 0;  ///< a multiple of 4 KiB
  bool prepared = false;    ///< zeros were written to all of it and flushed
};

/// Writes the block: 4 KiB.
void encode_commit_file(base::mutable_bytes block, const commit_file_header& header);
/// Errors: truncated, foreign (magic or version), corrupt (digest), malformed (a size that cannot be).
base::result<commit_file_header> decode_commit_file(base::bytes block);

}  // namespace millrace::storage
