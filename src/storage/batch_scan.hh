#pragma once

#include <cstdint>

#include "base/limits.hh"
#include "base/result.hh"
#include "base/tagged.hh"
#include "reactor/core.hh"
#include "reactor/file.hh"
#include "reactor/memory.hh"
#include "reactor/task.hh"
#include "record/batch_header.hh"

/// Walks the headers of the batches in a part of a segment's file, by O_DIRECT reads of up to 1 MiB; large batches are
/// stepped over without being read. That a range is data is known from elsewhere: this only finds its batches, and says
/// where they do not follow each other. Batches' bytes and CRCs are not looked at.

namespace millrace::storage {

class batch_scan {
 public:
  /// Batches of [begin, end), the first of which starts at `begin` with an offset of `least` or more. The file is open for
  /// direct reads and outlives the scan. `read_bytes`: of one read, at least 8 KiB; smaller where memory is short.
  batch_scan(reactor::core& on, reactor::file& from, uint64_t begin, uint64_t end, base::offset least,
             size_t read_bytes = base::mib)
      : core_(on), file_(from), next_(begin), end_(end), least_(least), read_bytes_(read_bytes) {}

  /// Moves to the next batch; false at the end. Errors: corrupt (no batch that follows the one before lies here, or the
  /// file is shorter), no_memory, io.
  reactor::task<base::result<bool>> next();
  /// The batch's header, until the next call of next(), and its position.
  record::header_view header() const { return record::header_view(memory_.data() + (position_ - window_begin_)); }
  uint64_t position() const noexcept { return position_; }
  /// The offset that a batch behind the last one would have at least.
  base::offset next_offset() const noexcept { return least_; }

 private:
  bool in_window(uint64_t position) const noexcept {
    return window_begin_ <= position && position + record::header::size <= window_end_;
  }
  bool follows(const record::header_view& batch) const;

  reactor::core& core_;
  reactor::file& file_;
  uint64_t position_ = 0;
  uint64_t next_;
  uint64_t end_;
  base::offset least_;
  size_t read_bytes_;
  reactor::chunk memory_;
  uint64_t window_begin_ = 0;
  uint64_t window_end_ = 0;  ///< of what was read
};

}  // namespace millrace::storage
