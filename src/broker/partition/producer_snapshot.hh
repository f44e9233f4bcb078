#pragma once

#include <string>
#include <vector>

#include "base/bytes.hh"
#include "base/result.hh"
#include "broker/partition/producer_table.hh"
#include "storage/state_file.hh"

/// The producers of one partition as a file beside its segments (storage::layout::producers_file): all five batches of each,
/// so that a repeat is known after a restart as it was before. The payload of a storage::state_file, little endian:
///
///    0  covers     int64   every batch below this offset is in it; later ones may be
///    8  count      uint64  producers, the one that wrote last first; of each:
///         id int64, last write int64 (ms), epoch int16, batches uint8, and of each batch, the newest last:
///           first sequence int32, last sequence int32, first offset int64, next offset int64, timestamp int64

namespace millrace::broker {

inline constexpr storage::state_format producer_snapshot_format{.magic = 0x31444f52504c4d2eu, .version = 1};
inline constexpr size_t producer_snapshot_bytes_max = size_t{1} << 30;

struct producer_snapshot {
  base::offset covers{0};
  std::vector<producer_state> producers;
};

std::string encode_producers(const producer_table& table, base::offset covers);
/// Errors: malformed.
base::result<producer_snapshot> decode_producers(base::bytes payload);

}  // namespace millrace::broker
