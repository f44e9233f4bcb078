#include "storage/segment.hh"

#include <algorithm>
#include <utility>

#include "base/limits.hh"
#include "storage/layout.hh"

namespace millrace::storage {

using base::result;
using reactor::task;

segment::segment(reactor::core& on, std::string directory, base::offset base, const log_config& config)
    : offsets(base),
      times(base),
      core_(on),
      directory_(std::move(directory)),
      base_(base),
      config_(config),
      opened_(on),
      loaded_(on) {
  created_at = on.wall_clock();
}

segment::~segment() {
  if (cached_in != nullptr) cached_in->forget(*this);
}

std::string segment::log_path() const { return directory_ + "/" + layout::log_file(base_); }
std::string segment::index_path() const { return directory_ + "/" + layout::index_file(base_); }
std::string segment::time_index_path() const { return directory_ + "/" + layout::time_index_file(base_); }

void segment::note_batch(uint64_t position, uint32_t bytes, base::offset last, base::unix_ms max_timestamp) {
  times.note(max_timestamp, last);
  // Kafka's rule: the interval is counted from behind the last entry, and a batch is entered before it counts.
  if (bytes_since_entry_ > config_.index_interval_bytes) {
    offsets.add(last, static_cast<uint32_t>(position));
    times.add_entry();
    bytes_since_entry_ = 0;
  }
  bytes_since_entry_ += bytes;
}

bool segment::indexes_full() const noexcept {
  const uint64_t before = indexes_complete ? 0 : indexes_from / (uint64_t{config_.index_interval_bytes} + 1);
  return offsets.full(config_.segment_index_bytes, before) || times.full(config_.segment_index_bytes, before);
}

task<result<void>> segment::open_for_write() {
  while (opening_) co_await opened_.wait();
  if (file_.is_open() && writable_) co_return result<void>();
  ASSERT(!file_.is_open());
  opening_ = true;
  const result<void> opened = co_await open_file(true);
  opening_ = false;
  opened_.wake_all();
  co_return opened;
}

task<result<void>> segment::open_for_read() {
  while (opening_) co_await opened_.wait();
  if (file_.is_open()) co_return result<void>();
  opening_ = true;
  const result<void> opened = co_await open_file(false);
  opening_ = false;
  opened_.wake_all();
  co_return opened;
}

task<result<void>> segment::open_for_splice() {
  ASSERT(state == segment_state::closed);
  while (opening_) co_await opened_.wait();
  if (splice_file_.is_open()) co_return result<void>();
  opening_ = true;
  std::string path = log_path();
  result<reactor::file> opened = co_await reactor::file::open(core_, std::move(path), reactor::open_read);
  if (opened) {
    splice_file_ = std::move(*opened);
    spliced = true;
    last_read = core_.now();
    if (open_files_ != nullptr) ++*open_files_;
  }
  opening_ = false;
  opened_.wake_all();
  if (!opened) co_return opened.failure();
  co_return result<void>();
}

/// A segment that may still grow is opened for both, so that its one handle serves readers and writers.
task<result<void>> segment::open_file(bool make) {
  const bool writes = make || state != segment_state::closed;
  const uint32_t flags = reactor::open_direct | (writes ? reactor::open_write : reactor::open_read);
  result<reactor::file> opened = co_await open_or_make(flags, make);
  if (!opened) co_return opened.failure();
  const result<uint64_t> bytes = core_.effects().size_of(log_path());
  if (!bytes) {
    const result<void> closed = co_await opened->close();
    (void)closed;
    co_return bytes.failure();
  }
  file_ = std::move(*opened);
  writable_ = writes;
  last_read = core_.now();
  if (open_files_ != nullptr) ++*open_files_;
  const bool may_have_holes = writes && std::exchange(from_before, false);
  allocated = may_have_holes ? written : std::max(allocated, block_floor(*bytes));
  co_return result<void>();
}

task<result<reactor::file>> segment::open_or_make(uint32_t flags, bool make) {
  if (name_in_doubt_) {
    const result<void> forgotten = co_await forget_name();
    if (!forgotten) co_return forgotten.failure();
  }
  std::string path = log_path();
  result<reactor::file> opened = co_await reactor::file::open(core_, std::move(path), flags);
  if (opened || opened.error().code != base::errc::not_found || !make) co_return opened;
  name_in_doubt_ = true;
  result<reactor::file> named = co_await take_or_make(flags);
  if (named) name_in_doubt_ = false;
  co_return named;
}

/// The flush of the name failed, and another one would say nothing of what that one lost. No batch was written there yet, so
/// the name goes, and is a new one when it comes again.
task<result<void>> segment::forget_name() {
  std::string path = log_path();
  const result<void> removed = co_await reactor::remove(core_, std::move(path));
  if (!removed && removed.error().code != base::errc::not_found) co_return removed;
  name_in_doubt_ = false;
  co_return result<void>();
}

task<result<reactor::file>> segment::take_or_make(uint32_t flags) {
  if (pool_ == nullptr) {
    result<reactor::file> made = co_await make_file(flags);
    co_return made;
  }
  std::string path = log_path();
  std::string directory = directory_;
  const result<bool> taken = co_await pool_->take(std::move(path), std::move(directory), block_ceil(config_.segment_bytes));
  if (!taken) co_return taken.failure();
  if (!*taken) {
    result<reactor::file> made = co_await make_file(flags);
    co_return made;
  }
  path = log_path();
  result<reactor::file> recycled = co_await reactor::file::open(core_, std::move(path), flags);
  if (!recycled) co_return recycled;
  const result<void> blanked = co_await blank(*recycled);
  from_before = true;  // a crash while it was in the pool may have left holes in it, and no disk may be full for them later
  if (blanked) co_return recycled;
  const result<void> closed = co_await recycled->close();
  (void)closed;  // the write is what failed
  co_return blanked.failure();
}

task<result<reactor::file>> segment::make_file(uint32_t flags) {
  std::string path = log_path();
  result<reactor::file> made = co_await reactor::file::open(core_, std::move(path), flags | reactor::open_create);
  if (!made) co_return made;
  std::string directory = directory_;
  const result<void> named = co_await reactor::sync_directory(core_, std::move(directory));
  if (named) co_return made;
  const result<void> closed = co_await made->close();
  (void)closed;  // the name is what failed
  co_return named.failure();
}

/// A recycled file does not begin with a batch: where only its bytes are left to ask (recover_by_scan), a topic that was
/// made again is not taken for the one before.
task<result<void>> segment::blank(reactor::file& recycled) {
  alignas(block_bytes) static constexpr uint8_t zeros[block_bytes] = {};
  const result<void> written = co_await recycled.write(0, base::bytes(zeros), true);
  co_return written;
}

uint64_t segment::next_allocation(uint64_t upto) const {
  if (config_.preallocate) return std::max(block_ceil(upto), block_ceil(config_.segment_bytes));
  const uint64_t step = allocated < 64 * base::kib    ? 64 * base::kib
                        : allocated < 16 * base::mib  ? base::mib
                        : allocated < 128 * base::mib ? 16 * base::mib
                                                      : 64 * base::mib;
  // One batch may be larger than what is left of the configured size: it gets its blocks and nothing ahead of them.
  return std::max(block_ceil(upto), std::min(allocated + step, block_ceil(config_.segment_bytes)));
}

task<result<void>> segment::allocate(uint64_t upto) {
  ASSERT(file_.is_open() && writable_);
  if (upto <= allocated) co_return result<void>();
  const uint64_t ahead = next_allocation(upto);
  const uint64_t least = block_ceil(upto);
  const result<void> grown = co_await file_.allocate(allocated, ahead - allocated);
  if (grown) {
    allocated = std::max(allocated, ahead);  // another task may have grown it meanwhile
    co_return grown;
  }
  if (grown.error().code != base::errc::no_space || least == ahead) co_return grown;
  if (least <= allocated) co_return result<void>();  // another task grew it meanwhile
  const result<void> grown_less = co_await file_.allocate(allocated, least - allocated);
  if (grown_less) allocated = std::max(allocated, least);
  co_return grown_less;
}

void segment::count_closed() noexcept {
  if (open_files_ == nullptr) return;
  if (file_.is_open()) --*open_files_;
  if (splice_file_.is_open()) --*open_files_;
}

void segment::abandon() noexcept {
  count_closed();
  file_.abandon();
  splice_file_.abandon();
}

task<void> segment::close_file() {
  writable_ = false;
  count_closed();
  // Both are gone for readers before the first wait.
  reactor::file second = std::move(splice_file_);
  result<void> closed = co_await file_.close();
  const result<void> second_closed = co_await second.close();
  if (closed && !second_closed) closed = second_closed;
  if (!closed) {
    core_.log().warn("storage", "close failed", base::field("path", log_path()), base::field("error", closed.error()));
  }
}

}  // namespace millrace::storage
