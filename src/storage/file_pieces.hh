#pragma once

#include <cstdint>

#include "base/bytes.hh"
#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/file.hh"
#include "reactor/memory.hh"
#include "reactor/task.hh"

/// A file read from front to back, wherever in a block a part begins.

namespace millrace::storage {

class file_pieces {
 public:
  /// The file is open for direct reads and outlives this. Of the core's memory up to 1 MiB, less where it is short, from the
  /// first read on.
  file_pieces(reactor::core& on, reactor::file& from) : core_(on), file_(from) {}

  /// Bytes from `position` on, at least one and none from `end` on; until the next call. Errors: truncated (the file ends
  /// there), no_memory, io.
  reactor::task<base::result<base::bytes>> at(uint64_t position, uint64_t end);
  /// The CRC-32C of [position, end). Errors: as above.
  reactor::task<base::result<uint32_t>> crc(uint64_t position, uint64_t end);

 private:
  reactor::core& core_;
  reactor::file& file_;
  reactor::chunk memory_;
  uint64_t begin_ = 0;  ///< what is in memory
  uint64_t end_ = 0;
};

}  // namespace millrace::storage
