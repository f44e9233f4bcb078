#pragma once

#include <memory>
#include <string>

#include "base/result.hh"
#include "reactor/file.hh"
#include "reactor/memory.hh"
#include "reactor/task.hh"
#include "record/batch_header.hh"
#include "storage/segment.hh"
#include "storage/types.hh"
#include "storage/work_pace.hh"

/// The file of a segment that compaction writes (layout::cleaned_file): batches one behind the other, through one buffer,
/// by O_DIRECT. close() it before it dies.

namespace millrace::storage {

class compacted_segment {
 public:
  /// `made`: the segment that it will be, empty. `bytes_expected`: no more than these. What it takes of the core is
  /// `pace`'s.
  compacted_segment(reactor::core& on, work_pace& pace, std::unique_ptr<segment> made, uint64_t bytes_expected);

  /// Makes the file, or an older one of the name empty. Errors: no_memory, no_space, io.
  reactor::task<base::result<void>> open();
  /// One whole batch, `header` its first bytes; `batch` stays in place until it returns. Errors: no_space, io.
  reactor::task<base::result<void>> append(record::header_view header, base::bytes batch);
  /// Everything is written, the file cut to it and synced. Errors: no_space, io.
  reactor::task<base::result<void>> finish();
  /// Closes the file, finished or not.
  reactor::task<void> close();
  /// What was made, closed: its size, its indexes; `next` is the offset behind it. After finish() and close().
  std::unique_ptr<segment> take(base::offset next);

  uint64_t size() const noexcept { return size_; }
  std::string path() const;

 private:
  reactor::task<base::result<void>> flush(uint64_t bytes);

  /// Copies what the buffer has room for; whether it is full then.
  bool take_in(base::bytes& batch);

  reactor::core& core_;
  work_pace& pace_;
  std::unique_ptr<segment> made_;
  const uint64_t bytes_expected_;
  reactor::file file_;
  reactor::chunk buffer_;
  uint64_t size_ = 0;
  uint64_t written_ = 0;  ///< of the file; the buffer begins there
  uint64_t allocated_ = 0;
};

}  // namespace millrace::storage
