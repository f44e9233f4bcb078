#include "storage/batch_scan.hh"

#include "storage/types.hh"

namespace millrace::storage {

namespace header = record::header;

reactor::task<base::result<bool>> batch_scan::next() {
  if (next_ == end_) co_return false;
  for (size_t bytes = read_bytes_; !memory_ && bytes >= 2 * block_bytes; bytes /= 4) {
    memory_ = core_.memory().allocate(bytes);
  }
  if (!memory_) co_return base::fail(base::errc::no_memory);
  if (!in_window(next_)) {
    window_begin_ = window_end_ = block_floor(next_);
    const base::mutable_bytes target = memory_.bytes();
    const base::result<size_t> read = co_await file_.read(window_begin_, target);
    if (!read) co_return read.failure();
    window_end_ = window_begin_ + *read;
    if (!in_window(next_)) co_return base::fail(base::errc::corrupt);
  }
  position_ = next_;
  const record::header_view batch = header();
  if (!follows(batch)) co_return base::fail(base::errc::corrupt);
  least_ = batch.next_offset();
  next_ += batch.size();
  co_return true;
}

bool batch_scan::follows(const record::header_view& batch) const {
  return batch.magic() == header::magic && batch.base_offset() >= least_ && batch.last_offset_delta() >= 0 &&
         batch.batch_length() >= static_cast<int32_t>(header::size - header::frame_size) &&
         batch.size() <= end_ - position_ && batch.base_offset().value() <= INT64_MAX - INT32_MAX - 1;
}

}  // namespace millrace::storage
