#include "storage/segment_check.hh"

#include <algorithm>

#include "reactor/file.hh"
#include "storage/batch_scan.hh"
#include "storage/file_pieces.hh"

namespace millrace::storage {

namespace header = record::header;
using base::errc;
using base::result;
using reactor::task;

namespace {

/// The check while it is made.
struct checker {
  reactor::core& on;
  reactor::file file;
  std::optional<base::offset> limit;
  base::leader_epoch epoch;
  base::offset gaps_to;
  checked_segment seen;
  file_pieces pieces{on, file};

  task<result<void>> look_behind() {
    for (uint64_t at = seen.position; at < seen.size;) {
      const uint64_t end = seen.size;
      const result<base::bytes> piece = co_await pieces.at(at, end);
      if (!piece) co_return piece.failure();
      seen.bytes_behind = std::any_of(piece->begin(), piece->end(), [](uint8_t b) { return b != 0; });
      if (seen.bytes_behind) break;
      at += piece->size();
    }
    if (seen.end == segment_end::framing && !seen.bytes_behind) seen.end = segment_end::zeros;
    co_return result<void>();
  }

  /// What is wrong with a framed batch by its header.
  std::optional<segment_end> misfit(const record::header_view& batch) const {
    const bool is_gap = limit && batch.base_offset() > seen.next && batch.base_offset() < gaps_to;
    if (batch.base_offset() != seen.next && !is_gap) return segment_end::offset;
    if (batch.leader_epoch() < epoch) return segment_end::epoch;
    if (limit && batch.next_offset() > *limit) return segment_end::overlap;
    return std::nullopt;
  }

  void take(const record::header_view& batch) {
    const bool begins_epoch = batch.leader_epoch() > epoch;
    if (begins_epoch) seen.epochs.push_back({batch.leader_epoch(), batch.base_offset()});
    epoch = batch.leader_epoch();
    seen.position += batch.size();
    seen.next = batch.next_offset();
    ++seen.batches;
  }

  task<result<void>> walk() {
    batch_scan scan(on, file, 0, seen.size, seen.next);
    while (true) {
      if (limit && seen.next == *limit) {
        seen.end = segment_end::next_segment;
        break;
      }
      const result<bool> found = co_await scan.next();
      if (!found && found.error().code != errc::corrupt) co_return found.failure();
      seen.end = found ? segment_end::file : segment_end::framing;
      if (!found || !*found) break;
      const record::header_view batch = scan.header();
      if (const auto wrong = misfit(batch)) {
        seen.end = *wrong;
        break;
      }
      const uint64_t begin = scan.position();
      const uint64_t end = begin + batch.size();
      const result<uint32_t> crc = co_await pieces.crc(begin + header::checked_at, end);
      if (!crc) co_return crc.failure();
      if (*crc != batch.crc()) {
        seen.end = segment_end::crc;
        break;
      }
      take(batch);
    }
    const result<void> looked = co_await look_behind();
    co_return looked;
  }
};

}  // namespace

std::string_view name_of(segment_end end) {
  switch (end) {
    case segment_end::next_segment:
      return "the next segment begins";
    case segment_end::file:
      return "the file ends with a batch";
    case segment_end::zeros:
      return "only zeros follow";
    case segment_end::framing:
      return "what follows is no batch";
    case segment_end::offset:
      return "the batch that follows has another offset";
    case segment_end::epoch:
      return "the batch that follows is of an earlier start";
    case segment_end::overlap:
      return "the batch that follows has offsets of the next segment";
    case segment_end::crc:
      return "the CRC of the batch that follows does not match";
  }
  return "";
}

task<result<checked_segment>> check_segment(reactor::core& on, std::string path, base::offset begin,
                                            std::optional<base::offset> limit, base::leader_epoch epoch,
                                            base::offset gaps_to) {
  const result<uint64_t> size = on.effects().size_of(path);
  if (!size) co_return size.failure();
  checker c{on, {}, limit, epoch, gaps_to, {}};
  c.seen.size = *size;
  c.seen.next = begin;
  result<reactor::file> opened = co_await reactor::file::open(on, std::move(path), reactor::open_direct);
  if (!opened) co_return opened.failure();
  c.file = std::move(*opened);
  const result<void> walked = co_await c.walk();
  const result<void> closed = co_await c.file.close();
  if (!walked) co_return walked.failure();
  if (!closed) co_return closed.failure();
  co_return std::move(c.seen);
}

}  // namespace millrace::storage
