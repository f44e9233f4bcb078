#include <algorithm>
#include <cstring>

#include "base/limits.hh"
#include "base/mutant.hh"
#include "storage/batch_scan.hh"
#include "storage/file_pieces.hh"
#include "storage/layout.hh"
#include "storage/redo_log.hh"
#include "storage/segment_check.hh"

/// How redone bytes get into segment files, each write durable by itself.

namespace millrace::storage {

namespace header = record::header;
using base::errc;
using base::fail;
using base::result;
using reactor::task;

namespace {

constexpr size_t memory_bytes_max = base::mib;  ///< of one log: then its whole blocks are written

task<result<void>> remove_if_there(reactor::core& on, std::string path) {
  const result<void> removed = co_await reactor::remove(on, std::move(path));
  if (!removed && removed.error().code == errc::not_found) co_return result<void>();
  co_return removed;
}

}  // namespace

task<result<void>> redo_log::close(reactor::file f, result<void> outcome) {
  const result<void> closed = co_await f.close();
  if (outcome && !closed) outcome = closed;
  co_return outcome;
}

task<result<reactor::file>> redo_log::open_segment(want how) {
  constexpr uint32_t flags = reactor::open_write | reactor::open_direct;
  std::string path = log_path(state_.end.segment);
  result<reactor::file> opened = co_await reactor::file::open(core_on_, std::move(path), flags);
  if (opened || opened.error().code != errc::not_found || how == want::existing) co_return opened;
  names_changed_ = true;
  path = log_path(state_.end.segment);
  result<reactor::file> made = co_await reactor::file::open(core_on_, std::move(path), flags | reactor::open_create);
  co_return made;
}

// ---- memory

task<result<void>> redo_log::add(base::bytes bytes) {
  while (!bytes.empty()) {
    if (used_ == memory_.size()) {
      const result<void> room = co_await make_room();
      if (!room) co_return room;
    }
    const size_t n = std::min(bytes.size(), memory_.size() - used_);
    std::memcpy(memory_.data() + used_, bytes.data(), n);
    used_ += n;
    bytes = bytes.subspan(n);
  }
  co_return result<void>();
}

/// All of memory_ is used: more of it, or what is there goes to the file.
task<result<void>> redo_log::make_room() {
  if (memory_.size() < memory_bytes_max) {
    reactor::chunk larger = core_on_.memory().allocate(std::max<size_t>(block_bytes, memory_.size() * 2));
    if (larger) {
      if (used_ > 0) std::memcpy(larger.data(), memory_.data(), used_);
      memory_ = std::move(larger);
      co_return result<void>();
    }
    if (!memory_) co_return fail(errc::no_memory);
  }
  const result<void> written = co_await write_blocks(false);
  co_return written;
}

/// The last block's bytes before the end, from the file.
task<result<void>> redo_log::load_tail() {
  const uint64_t wanted = state_.end.position - memory_begin_;
  if (!memory_) memory_ = core_on_.memory().allocate(block_bytes);
  if (!memory_) co_return fail(errc::no_memory);
  result<reactor::file> opened = co_await open_segment(want::existing);
  if (!opened) co_return opened.failure();
  const result<void> read = co_await read_into_memory(*opened, wanted);
  const result<void> closed = co_await close(std::move(*opened), read);
  co_return closed;
}

/// Reads the block behind the whole blocks in memory, and takes it up to `bytes` in all.
task<result<void>> redo_log::read_into_memory(reactor::file& f, uint64_t bytes) {
  const uint64_t whole = block_floor(used_);
  const reactor::chunk block = core_on_.memory().allocate(block_bytes);
  if (!block) co_return fail(errc::no_memory);
  const base::mutable_bytes target = block.bytes();
  std::memset(target.data(), 0, target.size());
  const result<size_t> read = co_await f.read(memory_begin_ + whole, target);
  if (!read) co_return read.failure();
  std::memcpy(memory_.data() + used_, target.data() + (used_ - whole), bytes - used_);
  used_ = bytes;
  co_return result<void>();
}

/// Fills the last block in memory with what the file has behind it, for a write that is to leave those bytes as they are.
task<result<void>> redo_log::complete_last_block() {
  if (used_ % block_bytes == 0) co_return result<void>();
  result<reactor::file> opened = co_await open_segment(want::made);
  if (!opened) co_return opened.failure();
  const uint64_t whole = block_ceil(used_);
  const result<void> read = co_await read_into_memory(*opened, whole);
  const result<void> closed = co_await close(std::move(*opened), read);
  co_return closed;
}

// ---- files

task<result<void>> redo_log::write_blocks(bool with_tail) {
  const size_t bytes = with_tail ? block_ceil(used_) : block_floor(used_);
  if (bytes == 0) co_return result<void>();
  if (bytes > used_) std::memset(memory_.data() + used_, 0, bytes - used_);
  result<reactor::file> opened = co_await open_segment(want::made);
  if (!opened) co_return opened.failure();
  const base::bytes source = base::bytes(memory_.bytes()).first(bytes);
  const result<void> written = co_await opened->write(memory_begin_, source, true);
  const result<void> closed = co_await close(std::move(*opened), written);
  if (!closed) co_return closed;
  const size_t whole = block_floor(used_);
  if (used_ > whole) std::memmove(memory_.data(), memory_.data() + whole, used_ - whole);
  memory_begin_ += whole;
  used_ -= whole;
  co_return closed;
}

task<result<void>> redo_log::spill() {
  if (loaded_) {
    const result<void> completed = co_await complete_last_block();
    if (!completed) co_return completed;
  }
  const result<void> flushed = co_await flush();
  co_return flushed;
}

task<result<void>> redo_log::flush() {
  if (loaded_) {
    const result<void> written = co_await write_blocks(true);
    if (!written) co_return written;
  }
  loaded_ = false;
  used_ = 0;
  memory_ = {};
  co_return result<void>();
}

/// The current segment ends here: nothing may lie behind its last byte, and indexes that say less are in the way.
task<result<void>> redo_log::seal() {
  if (segment_removed_) co_return result<void>();
  const result<void> flushed = co_await flush();
  if (!flushed) co_return flushed;
  const result<void> framed = co_await settle_damage();
  if (!framed) co_return framed;
  if (state_.end.position == 0) co_return result<void>();
  result<reactor::file> opened = co_await open_segment(want::existing);
  if (!opened) co_return opened.failure();
  result<void> cut = co_await opened->truncate(state_.end.position);
  if (cut) {
    const result<void> synced = co_await opened->sync();
    cut = synced;
  }
  const result<void> closed = co_await close(std::move(*opened), cut);
  if (!closed) co_return closed;
  std::string index = directory_ + "/" + layout::index_file(state_.end.segment);
  const result<void> removed = co_await remove_if_there(core_on_, std::move(index));
  if (!removed) co_return removed;
  index = directory_ + "/" + layout::time_index_file(state_.end.segment);
  const result<void> removed_times = co_await remove_if_there(core_on_, std::move(index));
  if (!removed_times) co_return removed_times;
  names_changed_ = true;
  co_return closed;
}

task<result<void>> redo_log::finish() {
  if (segment_removed_ || state_.end.next < state_.log_start) {
    // Everything was deleted, the segment with it: the log goes on in a new one.
    const base::offset next = std::max(state_.end.next, state_.log_start);
    state_.end = {next, 0, next};
    loaded_ = false;
    used_ = 0;
    memory_ = {};
  }
  const result<void> flushed = co_await flush();
  if (!flushed) co_return flushed;
  const result<void> framed = co_await settle_damage();
  if (!framed) co_return framed;
  if (base::mutated(base::mutant::accept_leftover_batch)) {
    std::string path = log_path(state_.end.segment);
    const auto seen = co_await check_segment(core_on_, std::move(path), state_.end.segment, {}, base::leader_epoch(0));
    if (seen && seen->position > state_.end.position) state_.end = {state_.end.segment, seen->position, seen->next};
  }
  const result<void> removed = co_await remove_leftovers();
  if (!removed || !names_changed_) co_return removed;
  std::string directory = directory_;
  const result<void> synced = co_await reactor::sync_directory(core_on_, std::move(directory));
  co_return synced;
}

/// Segments behind the end were made for bytes that were never acknowledged; left there, they would be taken for closed
/// ones when the log has grown past them. Indexes of the active segment were written at some earlier stop.
task<result<void>> redo_log::remove_leftovers() {
  const auto entries = core_on_.effects().list(directory_);
  if (!entries) co_return entries.failure();
  for (const reactor::directory_entry& entry : *entries) {
    const auto base = layout::parse_segment_file(entry.name);
    if (!base || *base < state_.end.segment) continue;
    if (*base == state_.end.segment && layout::parse_log_file(entry.name)) continue;
    std::string path = directory_ + "/" + entry.name;
    const result<void> removed = co_await reactor::remove(core_on_, std::move(path));
    if (!removed) co_return removed;
    names_changed_ = true;
  }
  co_return result<void>();
}

// ---- damage

/// An entry holds several batches, and its CRC does not say which of them is not what it was: their own do.
task<result<void>> redo_log::settle_damage() {
  if (damage_.empty()) co_return result<void>();
  result<reactor::file> opened = co_await open_segment(want::made);
  if (!opened) co_return opened.failure();
  result<void> settled;
  for (const damaged_bytes& d : damage_) {
    const result<void> one = co_await settle_one(*opened, d);
    settled = one;
    if (!settled) break;
  }
  damage_.clear();
  const result<void> closed = co_await close(std::move(*opened), settled);
  co_return closed;
}

task<result<void>> redo_log::settle_one(reactor::file& f, damaged_bytes d) {
  const auto damaged = co_await damaged_batches(f, d);
  if (!damaged) co_return damaged.failure();
  if (*damaged) {
    for (const damaged_range& one : **damaged) lose(one);
    co_return result<void>();
  }
  lose(d.offsets);
  const result<void> framed = co_await frame(f, d);
  co_return framed;
}

/// Those whose bytes are not theirs; none: the batches cannot be told apart any more.
task<result<std::optional<std::vector<damaged_range>>>> redo_log::damaged_batches(reactor::file& f, damaged_bytes d) {
  const std::optional<std::vector<damaged_range>> none;
  std::vector<damaged_range> damaged;
  base::offset next = d.offsets.begin;
  batch_scan scan(core_on_, f, d.begin, d.end, next);
  file_pieces pieces(core_on_, f);
  while (true) {
    const result<bool> found = co_await scan.next();
    if (!found && found.error().code != errc::corrupt) co_return found.failure();
    if (!found) co_return none;
    if (!*found) break;
    const record::header_view batch = scan.header();
    if (batch.base_offset() != next || batch.next_offset() > d.offsets.limit) co_return none;
    next = batch.next_offset();
    const uint64_t checked = scan.position() + header::checked_at;
    const uint64_t end = scan.position() + batch.size();
    const result<uint32_t> crc = co_await pieces.crc(checked, end);
    if (!crc && crc.error().code != errc::truncated) co_return crc.failure();
    if (!crc || *crc != batch.crc() || batch.leader_epoch() != d.epoch) damaged.push_back({batch.base_offset(), next});
  }
  if (next != d.offsets.limit) co_return none;
  co_return std::optional(std::move(damaged));
}

/// Ascending, as entries are.
void redo_log::lose(damaged_range offsets) {
  core_on_.log().error("storage", "acknowledged batches are damaged: fetches of them will fail",
                       base::field("path", log_path(state_.end.segment)), base::field("first", offsets.begin),
                       base::field("next", offsets.limit));
  if (!state_.damage.empty() && state_.damage.back().limit >= offsets.begin) {
    state_.damage.back().limit = std::max(state_.damage.back().limit, offsets.limit);
  } else {
    state_.damage.push_back(offsets);
  }
}

/// A header at their begin that makes one batch of bytes which have lost the lengths by which readers step from batch to
/// batch; its CRC does not match: a reader steps over it, and never answers it.
task<result<void>> redo_log::frame(reactor::file& f, damaged_bytes d) {
  const reactor::chunk memory = core_on_.memory().allocate(2 * block_bytes);
  if (!memory) co_return fail(errc::no_memory);
  const base::mutable_bytes blocks = memory.bytes();
  std::memset(blocks.data(), 0, blocks.size());
  const uint64_t from = block_floor(d.begin);
  const result<size_t> read = co_await f.read(from, blocks);
  if (!read) co_return read.failure();
  uint8_t* at = blocks.data() + (d.begin - from);
  const auto size = static_cast<int64_t>(d.end - d.begin);
  if (size < static_cast<int64_t>(header::size)) co_return fail(errc::corrupt);
  std::memset(at, 0, header::size);
  record::stamp(at, d.offsets.begin, state_.epochs.empty() ? base::leader_epoch(0) : state_.epochs.back().epoch);
  base::store_big<int32_t>(at + header::batch_length_at, static_cast<int32_t>(size - int64_t{header::frame_size}));
  at[header::magic_at] = static_cast<uint8_t>(header::magic);
  base::store_big<int32_t>(at + header::last_offset_delta_at, static_cast<int32_t>(d.offsets.limit - d.offsets.begin - 1));
  base::store_big<int64_t>(at + header::base_timestamp_at, record::no_timestamp);
  base::store_big<int64_t>(at + header::max_timestamp_at, record::no_timestamp);
  base::store_big<int64_t>(at + header::producer_id_at, record::no_producer_id);
  base::store_big<int32_t>(at + header::base_sequence_at, record::no_sequence);
  // The CRC field's zeros match these bytes once in four billion; the damage is in the checkpoint too.
  const size_t bytes = block_ceil(d.begin + header::size) - from;
  const base::bytes source = base::bytes(blocks).first(bytes);
  const result<void> written = co_await f.write(from, source, true);
  co_return written;
}

}  // namespace millrace::storage
