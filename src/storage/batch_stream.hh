#pragma once

#include <optional>
#include <vector>

#include "base/result.hh"
#include "reactor/task.hh"
#include "record/batch_view.hh"
#include "storage/reader.hh"
#include "storage/types.hh"
#include "storage/work_pace.hh"

/// The acknowledged batches of a log from an offset on, one after the other, for tasks of the background. Each was checked
/// like what a client reads.

namespace millrace::storage {

class batch_stream {
 public:
  /// From the batch with `from` on, up to before the first at or behind `limit`. What reading takes of the core is `pace`'s.
  batch_stream(log_manager& manager, work_pace& pace, log_id id, base::offset from, base::offset limit)
      : manager_(manager), pace_(pace), id_(id), next_(from), limit_(limit) {}

  /// The next batch, in place until the next call; none at the end. Errors: those of reader::read, out_of_range (the log
  /// starts further on by now).
  reactor::task<base::result<std::optional<record::batch_view>>> next();
  /// Bytes that were read so far.
  uint64_t bytes() const noexcept { return bytes_; }

 private:
  reactor::task<base::result<void>> read_more();

  log_manager& manager_;
  work_pace& pace_;
  const log_id id_;
  base::offset next_;
  const base::offset limit_;
  read_result got_;
  std::vector<uint8_t> joined_;
  std::optional<record::batch_iterator> batches_;
  uint64_t bytes_ = 0;
};

}  // namespace millrace::storage
