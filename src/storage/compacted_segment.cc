#include "storage/compacted_segment.hh"

#include <algorithm>
#include <cstring>

#include "base/limits.hh"
#include "base/mutant.hh"
#include "storage/layout.hh"

namespace millrace::storage {

using base::result;
using reactor::task;

namespace {
constexpr uint64_t grow_bytes = 16 * base::mib;
}  // namespace

compacted_segment::compacted_segment(reactor::core& on, work_pace& pace, std::unique_ptr<segment> made,
                                     uint64_t bytes_expected)
    : core_(on), pace_(pace), made_(std::move(made)), bytes_expected_(block_ceil(bytes_expected)) {}

std::string compacted_segment::path() const { return made_->directory() + "/" + layout::cleaned_file(made_->base()); }

task<result<void>> compacted_segment::open() {
  for (size_t bytes = base::mib; !buffer_ && bytes >= 16 * block_bytes; bytes /= 4) buffer_ = core_.memory().allocate(bytes);
  if (!buffer_) co_return base::fail(base::errc::no_memory);
  std::string name = path();
  constexpr uint32_t flags = reactor::open_write | reactor::open_create | reactor::open_direct;
  result<reactor::file> opened = co_await reactor::file::open(core_, std::move(name), flags);
  if (!opened) co_return opened.failure();
  file_ = std::move(*opened);
  const result<void> emptied = co_await file_.truncate(0);
  co_return emptied;
}

task<result<void>> compacted_segment::append(record::header_view header, base::bytes batch) {
  made_->note_batch(size_, static_cast<uint32_t>(batch.size()), header.last_offset(), header.newest_record());
  if (size_ == 0) made_->first_timestamp = header.max_timestamp();
  while (!batch.empty()) {
    if (!take_in(batch)) continue;
    const uint64_t bytes = buffer_.size();
    const result<void> flushed = co_await flush(bytes);
    if (!flushed) co_return flushed;
  }
  co_return result<void>();
}

bool compacted_segment::take_in(base::bytes& batch) {
  const work_pace::counted copying(&pace_);
  const uint64_t used = size_ - written_;
  const size_t part = std::min<size_t>(batch.size(), buffer_.size() - used);
  std::memcpy(buffer_.data() + used, batch.data(), part);
  size_ += part;
  batch = batch.subspan(part);
  return used + part == buffer_.size();
}

/// Writes so many bytes of the buffer, whole blocks.
task<result<void>> compacted_segment::flush(uint64_t bytes) {
  if (written_ + bytes > allocated_) {
    const uint64_t most = std::max(bytes_expected_, written_ + bytes);
    const uint64_t upto = std::min(most, written_ + std::max(bytes, grow_bytes));
    const uint64_t length = upto - allocated_;
    const result<void> grown = co_await file_.allocate(allocated_, length);
    if (!grown) co_return grown;
    allocated_ = upto;
  }
  const base::bytes source(buffer_.data(), bytes);
  const result<void> done = co_await file_.write(written_, source, false);
  if (done) written_ += bytes;
  co_return done;
}

task<result<void>> compacted_segment::finish() {
  const uint64_t rest = size_ - written_;
  if (rest > 0) {
    const uint64_t padded = block_ceil(rest);
    std::memset(buffer_.data() + rest, 0, padded - rest);
    const result<void> flushed = co_await flush(padded);
    if (!flushed) co_return flushed;
  }
  const result<void> cut = co_await file_.truncate(size_);
  if (!cut || base::mutated(base::mutant::swap_before_synced)) co_return cut;
  const result<void> synced = co_await file_.sync();
  co_return synced;
}

task<void> compacted_segment::close() {
  buffer_ = {};
  if (!file_.is_open()) co_return;
  const result<void> closed = co_await file_.close();
  if (!closed)
    core_.log().warn("storage", "file not closed", base::field("path", path()), base::field("error", closed.error()));
}

std::unique_ptr<segment> compacted_segment::take(base::offset next) {
  segment& s = *made_;
  s.state = segment_state::closed;
  s.size = s.issued = s.written = s.tail_written = size_;
  s.allocated = block_floor(size_);
  s.indexes_from = size_;
  s.indexes_from_offset = next;
  return std::move(made_);
}

}  // namespace millrace::storage
