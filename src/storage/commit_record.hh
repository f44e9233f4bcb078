#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hh"
#include "base/result.hh"
#include "storage/types.hh"

/// The commit log's record: what one group makes durable. Pure functions over bytes; FORMAT.md draws it.
///
/// A record begins at a 4 KiB block and fills whole blocks:
///   header (96 bytes) | entries (80 bytes each) | inline bytes of the entries, in their order | zeros
/// Little endian. The header's digest (XXH3-64) covers header and entries; each entry carries the CRC-32C of its bytes.

namespace millrace::storage {

inline constexpr uint64_t record_magic = 0x31304c4f43524d2eu;
inline constexpr uint32_t record_header_bytes = 96;
inline constexpr uint32_t record_entry_bytes = 80;
inline constexpr unsigned groups_in_flight_max = 16;    ///< records written at a time
inline constexpr uint64_t record_bytes_max = 4u << 20;  ///< header, entries and inline bytes together

struct record_header {
  uint64_t commit_log = 0;  ///< the commit log's id, drawn when it began
  uint64_t number = 0;      ///< counts from 1 in one commit log
  uint64_t previous = 0;    ///< digest of the record before; the id (commit_log) for the first
  uint64_t durable = 0;     ///< the last group known durable when this was built
  uint32_t entries = 0;
  uint32_t bytes = 0;   ///< of the whole record, a multiple of 4 KiB
  uint64_t digest = 0;  ///< of header (digest as zero) and entries
};

/// One log's part of a group: segment bytes [begin, end) are durable when the group is. [begin, direct_end) went to the
/// segment file itself, [direct_end, end) are inline. Batches below `first` in [begin, ...) repeat bytes of an earlier
/// record or of the segment: they protect the block that the destager will write again.
struct record_entry {
  log_id id;
  base::offset segment{0};
  uint64_t begin = 0;
  uint64_t direct_end = 0;
  uint64_t end = 0;
  base::offset first{0};
  base::offset next{0};
  base::leader_epoch epoch{0};
  uint32_t direct_crc = 0;
  uint32_t inline_crc = 0;
  uint64_t inline_bytes() const noexcept { return end - direct_end; }
};

/// Bytes that a record of so many entries and inline bytes takes, whole blocks.
uint64_t record_size(size_t entries, uint64_t inline_bytes);
/// Writes header and entries to the front of `target` (which has record_size bytes and holds the inline bytes behind
/// them already) and returns the digest.
uint64_t seal_record(base::mutable_bytes target, const record_header& header, const std::vector<record_entry>& entries);

struct parsed_record {
  record_header header;
  std::vector<record_entry> entries;
  std::vector<uint32_t> inline_at;  ///< position of each entry's inline bytes in the record
};
/// The header at the start of `block` (>= 96 bytes): magic and plausible sizes, not the digest. malformed otherwise.
base::result<record_header> peek_record(base::bytes block);
/// A whole record: digest verified, entries plausible (sizes add up). Entries' own CRCs are not checked. corrupt, malformed.
base::result<parsed_record> parse_record(base::bytes record);

}  // namespace millrace::storage
