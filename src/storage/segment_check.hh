#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hh"
#include "base/tagged.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"
#include "storage/types.hh"

/// How much of a segment's file is batches, by its bytes alone: for when nothing says how many are data (scan_recovery.hh).
/// A batch counts if it is framed, has the offset that is next (or a later one where a log was compacted), an epoch not
/// older than the one before it (a leftover of an earlier start has an older one), and the CRC of its bytes. Reads all of
/// the file, in pieces of up to 1 MiB; changes nothing.

namespace millrace::storage {

enum class segment_end : uint8_t {
  next_segment,  ///< the next segment begins with the offset that is next
  file,          ///< the file ends with a batch
  zeros,         ///< zeros up to the file's end: space for what was to come
  framing,       ///< no batch
  offset,        ///< a batch whose offset is not the next
  epoch,         ///< a batch of an older start than the one before it
  overlap,       ///< a batch with offsets of the next segment
  crc,           ///< a batch whose bytes were changed
};
/// For people: "the batch's CRC does not match".
std::string_view name_of(segment_end end);

struct checked_segment {
  segment_end end = segment_end::file;
  uint64_t size = 0;      ///< of the file
  uint64_t position = 0;  ///< bytes of batches that count
  base::offset next{0};   ///< offset behind them
  uint64_t batches = 0;
  std::vector<epoch_start> epochs;  ///< that began in this segment
  bool bytes_behind = false;        ///< what follows `position` in the file is not only zeros
};

/// `path`: the .log file, whose first batch has the offset `begin`. `limit`: the base of the segment behind it, where there
/// is one. `epoch`: of the last batch before. `gaps_to`: below it compaction has left gaps between batches. Errors:
/// not_found, no_memory, io; never corrupt.
reactor::task<base::result<checked_segment>> check_segment(reactor::core& on, std::string path, base::offset begin,
                                                           std::optional<base::offset> limit, base::leader_epoch epoch,
                                                           base::offset gaps_to = base::offset(0));

}  // namespace millrace::storage
