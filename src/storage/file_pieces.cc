#include "storage/file_pieces.hh"

#include <algorithm>

#include "base/crc32c.hh"
#include "base/limits.hh"
#include "storage/types.hh"

namespace millrace::storage {

using base::errc;
using base::fail;
using base::result;
using reactor::task;

task<result<base::bytes>> file_pieces::at(uint64_t position, uint64_t end) {
  for (size_t bytes = base::mib; !memory_ && bytes >= block_bytes; bytes /= 4) memory_ = core_.memory().allocate(bytes);
  if (!memory_) co_return fail(errc::no_memory);
  if (position < begin_ || position >= end_) {
    begin_ = end_ = block_floor(position);
    const base::mutable_bytes target = memory_.bytes();
    const result<size_t> read = co_await file_.read(begin_, target);
    if (!read) co_return read.failure();
    end_ = begin_ + *read;
    if (position >= end_) co_return fail(errc::truncated);
  }
  co_return base::bytes(memory_.bytes()).subspan(position - begin_, std::min(end_, end) - position);
}

task<result<uint32_t>> file_pieces::crc(uint64_t position, uint64_t end) {
  uint32_t crc = 0;
  while (position < end) {
    const result<base::bytes> piece = co_await at(position, end);
    if (!piece) co_return piece.failure();
    crc = base::crc32c(crc, *piece);
    position += piece->size();
  }
  co_return crc;
}

}  // namespace millrace::storage
