#include "base/limits.hh"
#include "storage/batch_scan.hh"
#include "storage/segment.hh"

/// Indexes of a segment that was not written by this process: read where their files may be trusted, else rebuilt from the
/// headers of its batches. The batches' bytes are not checked here: each read does that.

namespace millrace::storage {

using base::errc;
using base::fail;
using base::field;
using base::result;
using reactor::task;

namespace {

constexpr size_t index_bytes_max = 512 * base::mib;

}  // namespace

uint64_t segment::index_memory() const noexcept {
  return offsets.count() * sizeof(offset_index::entry) + times.count() * sizeof(time_index::entry) + verified.memory();
}

void segment::drop_indexes() {
  ASSERT(state == segment_state::closed && indexes_complete && !loading_);
  were_loaded_ = true;
  indexes_complete = false;
  indexes_from = size;
  offsets.clear();
  times.drop_entries();
  verified.clear();
}

task<result<void>> segment::load_indexes(uint64_t valid_bytes, bool trust) {
  while (loading_) co_await loaded_.wait();
  if (indexes_complete) co_return result<void>();
  loading_ = true;
  const result<void> loaded = co_await load_indexes_alone(valid_bytes, trust);
  loading_ = false;
  loaded_.wake_all();
  co_return loaded;
}

task<result<void>> segment::load_indexes_alone(uint64_t valid_bytes, bool trust) {
  if (trust) {
    const result<void> read = co_await read_indexes(valid_bytes);
    if (read) co_return read;
    const errc code = read.error().code;
    if (code != errc::not_found && code != errc::corrupt && code != errc::too_large) co_return read;
    core_.log().info("storage", "index missing or not well-formed, rebuilding it", field("path", index_path()),
                     field("error", read.error()));
  }
  const result<void> rebuilt = co_await rebuild_indexes(valid_bytes);
  if (!rebuilt) {
    core_.log().error("storage", "index cannot be rebuilt", field("path", log_path()), field("error", rebuilt.error()));
    co_return rebuilt;
  }
  if (state != segment_state::closed) co_return result<void>();
  const result<void> written = co_await write_indexes();
  co_return written;
}

task<result<void>> segment::read_indexes(uint64_t valid_bytes) {
  std::string path = index_path();
  const result<std::string> by_offset = co_await reactor::read_file(core_, std::move(path), index_bytes_max);
  if (!by_offset) co_return by_offset.failure();
  path = time_index_path();
  const result<std::string> by_time = co_await reactor::read_file(core_, std::move(path), index_bytes_max);
  if (!by_time) co_return by_time.failure();
  const base::offset limit = offset_limit();
  offset_index earlier_offsets(base_);
  time_index earlier_times(base_);
  const result<void> decoded = earlier_offsets.decode(base::as_bytes(*by_offset), valid_bytes, limit);
  if (!decoded) co_return decoded;
  const result<void> decoded_times = earlier_times.decode(base::as_bytes(*by_time), limit);
  if (!decoded_times) co_return decoded_times;
  if (valid_bytes > 0 && first_timestamp < 0) {
    path = log_path();
    result<reactor::file> opened = co_await reactor::file::open(core_, std::move(path), reactor::open_direct);
    if (!opened) co_return opened.failure();
    const result<void> first = co_await read_first_timestamp(*opened);
    const result<void> closed = co_await opened->close();
    if (!first) co_return first;
    if (!closed) co_return closed;
  }
  if (!indexes_complete) take_earlier(earlier_offsets, earlier_times);
  co_return result<void>();
}

base::offset segment::offset_limit() const {
  return indexes_from_offset > base_ ? indexes_from_offset : base_ + int64_t{INT32_MAX} + 1;
}

void segment::take_earlier(const offset_index& earlier_offsets, const time_index& earlier_times) {
  offsets.prepend(earlier_offsets);
  times.prepend(earlier_times);
  indexes_complete = true;
}

task<result<void>> segment::read_first_timestamp(reactor::file& from) {
  // No batch is longer than its length field says, and only the first is wanted.
  batch_scan scan(core_, from, 0, base::batch_bytes_format_max, base_, 2 * block_bytes);
  const result<bool> found = co_await scan.next();
  if (!found) co_return found.failure();
  first_timestamp = scan.header().max_timestamp();
  co_return result<void>();
}

task<result<void>> segment::learn_first_timestamp() {
  if (size == 0 || first_timestamp >= 0) co_return result<void>();
  const result<void> read = co_await read_first_timestamp(file_);
  // A first batch that is damaged has no time: it counts from the start then.
  if (!read && read.error().code == errc::corrupt) co_return result<void>();
  co_return read;
}

task<result<void>> segment::rebuild_indexes(uint64_t valid_bytes) {
  std::string path = log_path();
  result<reactor::file> opened = co_await reactor::file::open(core_, std::move(path), reactor::open_direct);
  if (!opened) co_return opened.failure();
  const result<void> scanned = co_await scan_batches(*opened, valid_bytes);
  const result<void> closed = co_await opened->close();
  if (!scanned) co_return scanned;
  co_return closed;
}

task<result<void>> segment::scan_batches(reactor::file& from, uint64_t valid_bytes) {
  // Its own indexes and its own count, filled by note_batch's rule: the rebuilt files are those that were lost.
  segment scanned(core_, directory_, base_, config_);
  batch_scan scan(core_, from, 0, valid_bytes, base_);
  result<void> outcome;
  while (true) {
    const result<bool> found = co_await scan.next();
    if (!found) outcome = found.failure();
    if (!found && found.error().code != errc::corrupt) co_return outcome;
    if (!found || !*found) break;
    const record::header_view batch = scan.header();
    // A damaged offset must not reach over what was appended since.
    if (batch.last_offset() >= offset_limit() || scan.position() > INT32_MAX) {
      outcome = fail(errc::corrupt);
      break;
    }
    if (scan.position() == 0) scanned.first_timestamp = batch.max_timestamp();
    scanned.note_batch(scan.position(), static_cast<uint32_t>(batch.size()), batch.last_offset(), batch.newest_record());
  }
  if (indexes_complete) co_return result<void>();  // somebody else was faster
  if (valid_bytes > 0) first_timestamp = scanned.first_timestamp;
  if (indexes_from == valid_bytes && offsets.count() == 0) bytes_since_entry_ += scanned.bytes_since_entry_;
  // Where damage ended it, what lies before is served, and what was appended since.
  take_earlier(scanned.offsets, scanned.times);
  co_return outcome;
}

}  // namespace millrace::storage
