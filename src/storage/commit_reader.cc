#include "storage/commit_reader.hh"

#include <algorithm>

#include "base/mutant.hh"
#include "storage/commit_file.hh"

namespace millrace::storage {

using base::errc;
using base::fail;
using base::field;
using base::result;
using reactor::task;

namespace {

/// How far behind the end of a chain later records are looked for. A record that calls another durable was built when that
/// one had ended: those in flight beside it lie between them, and what is left free where the ring ends.
constexpr uint64_t look_ahead_bytes = (groups_in_flight_max + 2) * record_bytes_max;

}  // namespace

task<result<base::bytes>> ring_window::view(uint64_t position, uint64_t bytes, uint64_t file_bytes) {
  if (position % block_bytes != 0 || bytes > record_bytes_max || position + bytes > file_bytes) {
    co_return fail(errc::truncated);
  }
  if (position < begin_ || position + bytes > end_) {
    if (!memory_) memory_ = core_.memory().allocate(record_bytes_max);
    if (!memory_) co_return fail(errc::no_memory);
    begin_ = end_ = 0;
    const uint64_t wanted = std::min<uint64_t>(memory_.size(), file_bytes - position);
    const base::mutable_bytes target = memory_.bytes().first(wanted);
    const result<size_t> read = co_await file_.read(position, target);
    if (!read) co_return read.failure();
    begin_ = position;
    end_ = position + *read;
    if (*read < bytes) co_return fail(errc::truncated);
  }
  co_return base::bytes(memory_.data() + (position - begin_), bytes);
}

commit_reader::commit_reader(reactor::core& on, std::string path)
    : core_(on), path_(std::move(path)), chain_(on, file_), ahead_(on, file_) {}

task<result<void>> commit_reader::open(uint64_t commit_log, uint64_t next_record, uint64_t next_position,
                                       uint64_t previous_digest) {
  const result<uint64_t> size = core_.effects().size_of(path_);
  if (!size) co_return size.failure();
  if (*size == 0 || *size % block_bytes != 0) co_return fail(errc::malformed);
  std::string path = path_;
  result<reactor::file> opened = co_await reactor::file::open(core_, std::move(path), reactor::open_direct);
  if (!opened) co_return opened.failure();
  file_ = std::move(*opened);
  const result<base::bytes> block = co_await chain_.view(0, block_bytes, *size);
  if (!block) co_return block.failure();
  const result<commit_file_header> header = decode_commit_file(*block);
  if (!header) co_return header.failure();
  if (header->file_bytes != *size) co_return fail(errc::malformed);
  const bool inside = next_position >= commit_ring_begin && next_position <= *size && next_position % block_bytes == 0;
  if (!inside || next_record == 0) co_return fail(errc::malformed);
  file_bytes_ = *size;
  commit_log_ = commit_log;
  number_ = next_record;
  position_ = next_position;
  previous_ = previous_digest;
  co_return result<void>();
}

task<result<bool>> commit_reader::next() {
  const uint64_t expected = position_;
  const result<bool> here = co_await take(expected);
  if (!here || *here) co_return here;
  // What does not fit before the file's end goes to the ring's begin.
  if (expected != commit_ring_begin) {
    const result<bool> wrapped = co_await take(commit_ring_begin);
    if (!wrapped || *wrapped) co_return wrapped;
  }
  const result<bool> damaged = co_await look_ahead(expected, number_, number_);
  if (!damaged) co_return damaged;
  if (*damaged) {
    core_.log().error("storage", "commit log record damaged: a later one calls it durable (see --recover-by-scan)",
                      field("path", path_), field("record", number_), field("position", expected));
    co_return fail(errc::corrupt);
  }
  co_return false;
}

/// Takes the record at `position` if it is the chain's next one.
task<result<bool>> commit_reader::take(uint64_t position) {
  if (position >= file_bytes_) co_return false;
  const result<base::bytes> front = co_await chain_.view(position, block_bytes, file_bytes_);
  if (!front) co_return front.failure();
  const result<record_header> header = peek_record(*front);
  if (!header || header->number != number_ || header->bytes > file_bytes_ - position) co_return false;
  const bool in_chain = header->commit_log == commit_log_ && header->previous == previous_;
  if (!in_chain && !base::mutated(base::mutant::leftovers_as_data)) co_return false;
  const uint32_t size = header->bytes;
  const result<base::bytes> whole = co_await chain_.view(position, size, file_bytes_);
  if (!whole) co_return whole.failure();
  result<parsed_record> parsed = parse_record(*whole);
  if (!parsed) co_return false;
  record_ = std::move(*parsed);
  bytes_ = *whole;
  number_ += 1;
  position_ = position + size;
  previous_ = record_.header.digest;
  co_return true;
}

task<result<bool>> commit_reader::is_called_durable() {
  const uint64_t number = record_.header.number;
  const result<bool> called = co_await look_ahead(position_, number + 1, number);
  co_return called;
}

/// Whether a whole record with a number of `least_number` or more, in the part of the ring behind `position`, calls
/// `durable` durable. Records of earlier laps and of earlier commit logs in the same file have lower numbers or other ids;
/// clients, whose bytes lie in here too, do not know the id.
task<result<bool>> commit_reader::look_ahead(uint64_t position, uint64_t least_number, uint64_t durable) {
  const uint64_t ring = file_bytes_ - commit_ring_begin;
  uint64_t left = std::min(look_ahead_bytes, ring);
  seen_behind_ = 0;
  while (left > 0) {
    if (position >= file_bytes_) position = commit_ring_begin;
    uint64_t step = block_bytes;
    const result<base::bytes> front = co_await ahead_.view(position, block_bytes, file_bytes_);
    if (!front) co_return front.failure();
    const result<record_header> header = peek_record(*front);
    if (header && header->commit_log == commit_log_ && header->number >= least_number) {
      ++seen_behind_;
      const uint32_t size = header->bytes;
      if (size <= file_bytes_ - position) {
        const result<base::bytes> whole = co_await ahead_.view(position, size, file_bytes_);
        if (!whole) co_return whole.failure();
        const result<parsed_record> parsed = parse_record(*whole);
        if (parsed && parsed->header.durable >= durable) co_return true;
        if (parsed) step = size;
      }
    }
    position += step;
    left -= std::min(left, step);
  }
  co_return false;
}

task<void> commit_reader::close() {
  const result<void> closed = co_await file_.close();
  if (!closed) core_.log().warn("storage", "close failed", field("path", path_), field("error", closed.error()));
}

}  // namespace millrace::storage
