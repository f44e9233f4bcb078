#include "storage/redo_log.hh"

#include <algorithm>
#include <cstring>

#include "storage/file_pieces.hh"
#include "storage/layout.hh"

/// What an entry does to a log. How bytes get into the file is in redo_log_write.cc.

namespace millrace::storage {

using base::errc;
using base::fail;
using base::field;
using base::result;
using reactor::task;

redo_log::redo_log(reactor::core& on, std::string directory, surveyed_log from)
    : core_on_(on),
      directory_(std::move(directory)),
      state_(std::move(from.state)),
      core_(from.core),
      segment_removed_(from.removed_segment) {}

std::string redo_log::log_path(base::offset segment) const { return directory_ + "/" + layout::log_file(segment); }

result<bool> redo_log::file_exists(base::offset segment) const {
  const result<uint64_t> size = core_on_.effects().size_of(log_path(segment));
  if (size) return true;
  if (size.error().code == errc::not_found) return false;
  return size.failure();
}

task<result<bool>> redo_log::direct_bytes_match(record_entry e) {
  if (e.next <= state_.log_start) co_return true;
  std::string path = log_path(e.segment);
  result<reactor::file> opened = co_await reactor::file::open(core_on_, std::move(path), reactor::open_direct);
  if (!opened && opened.error().code == errc::not_found) co_return false;
  if (!opened) co_return opened.failure();
  file_pieces pieces(core_on_, *opened);
  const uint64_t begin = e.begin;
  const uint64_t end = e.direct_end;
  const result<uint32_t> crc = co_await pieces.crc(begin, end);
  const bool shorter = !crc && crc.error().code == errc::truncated;
  const result<void> outcome = crc || shorter ? result<void>() : crc.failure();
  const result<void> closed = co_await close(std::move(*opened), outcome);
  if (!closed) co_return closed.failure();
  const bool match = crc && *crc == e.direct_crc;
  co_return match;
}

result<void> redo_log::check_continues(const record_entry& e) const {
  const log_point& end = state_.end;
  const bool goes_on = e.segment == end.segment && e.begin <= end.position && e.first <= end.next &&
                       (end.position < e.end || protects_end(e));
  const bool begins = e.segment == end.next && e.segment > end.segment && e.begin == 0 && e.first == end.next;
  if (goes_on || begins) return {};
  core_on_.log().error("storage", "commit log entry does not continue its log (see --recover-by-scan)",
                       field("path", directory_), field("segment", e.segment), field("begin", e.begin),
                       field("first", e.first), field("have_segment", end.segment), field("have", end.position),
                       field("have_next", end.next));
  return fail(errc::corrupt);
}

task<result<void>> redo_log::apply(record_entry e, base::bytes inline_bytes, bool damaged) {
  CO_TRY_CHECK(check_continues(e));
  if (e.segment != state_.end.segment) {
    const result<void> begun = co_await begin_segment(e.segment);
    if (!begun) co_return begun;
  }
  touched_ = true;
  const log_point before = state_.end;
  if (e.direct_end > before.position && !segment_removed_) {
    const result<bool> exists = file_exists(e.segment);
    if (!exists) co_return exists.failure();
    segment_removed_ = !*exists && e.next <= state_.log_start;
  }
  if (segment_removed_ && e.next > state_.log_start) {
    core_on_.log().error("storage", "segment missing", field("path", log_path(e.segment)));
    co_return fail(errc::corrupt);
  }
  if (!segment_removed_) {
    uint64_t from = before.position;  // what memory or file hold already
    if (e.direct_end > from) {
      const result<void> applied = co_await apply_direct(e, damaged);
      if (!applied) co_return applied;
      from = e.direct_end;
    } else if (!loaded_) {
      const uint64_t block = block_floor(from);
      loaded_ = true;
      memory_begin_ = block;
      used_ = 0;
      // The entry repeats the block that was the last: better than to ask the file for it.
      if (e.direct_end <= block && !damaged) from = block;
      if (from > block) {
        const result<void> read = co_await load_tail();
        if (!read) co_return read;
      }
    }
    const base::bytes rest = inline_bytes.subspan(static_cast<size_t>(from - e.direct_end));
    const result<void> added = co_await add(rest);
    if (!added) co_return added;
  }
  bytes_redone_ += e.end - before.position;
  note_epoch(e);
  if (damaged) note_damage(e, before);
  state_.end.position = e.end;
  state_.end.next = e.next;
  co_return result<void>();
}

/// The file holds the entry up to e.direct_end, so memory before it is not needed; where those bytes are damaged, what is
/// in memory is better than what is in the file.
task<result<void>> redo_log::apply_direct(record_entry e, bool damaged) {
  if (damaged && loaded_) {
    const result<void> completed = co_await complete_last_block();
    if (!completed) co_return completed;
  }
  if (!damaged && loaded_) {
    const uint64_t kept = e.begin > memory_begin_ ? e.begin - memory_begin_ : 0;
    used_ = std::min<size_t>(used_, kept);
  }
  if (loaded_ && used_ > 0) {
    const result<void> written = co_await write_blocks(false);
    if (!written) co_return written;
    ASSERT(used_ == 0);
  }
  loaded_ = true;
  memory_begin_ = e.direct_end;
  used_ = 0;
  co_return result<void>();
}

task<result<void>> redo_log::begin_segment(base::offset base) {
  const result<void> sealed = co_await seal();
  if (!sealed) co_return sealed;
  state_.end.segment = base;
  state_.end.position = 0;
  segment_removed_ = false;
  loaded_ = true;
  memory_begin_ = 0;
  used_ = 0;
  co_return result<void>();
}

void redo_log::note_epoch(const record_entry& e) {
  if (!state_.epochs.empty() && state_.epochs.back().epoch >= e.epoch) return;
  state_.epochs.push_back({e.epoch, std::max(e.first, state_.end.next)});
}

void redo_log::note_damage(const record_entry& e, const log_point& before) {
  const damaged_range offsets{before.next, e.next};
  if (offsets.begin == offsets.limit) return;  // a copy that only protected the last block: the file's block was not lost
  damage_.push_back({before.position, e.end, offsets, e.epoch});
}

}  // namespace millrace::storage
