#include "storage/commit_record.hh"

#include <cstring>

#include "base/assert.hh"
#include "base/hash.hh"
#include "base/mutant.hh"

namespace millrace::storage {
namespace {

// Header: where its fields are. Bytes 64 to 95 are zeros.
constexpr size_t magic_at = 0;
constexpr size_t commit_log_at = 8;
constexpr size_t number_at = 16;
constexpr size_t previous_at = 24;
constexpr size_t durable_at = 32;
constexpr size_t entries_at = 40;
constexpr size_t bytes_at = 44;
constexpr size_t digest_at = 48;

// An entry: where its fields are.
constexpr size_t topic_at = 0;
constexpr size_t partition_at = 16;
constexpr size_t epoch_at = 20;
constexpr size_t segment_at = 24;
constexpr size_t begin_at = 32;
constexpr size_t direct_end_at = 40;
constexpr size_t end_at = 48;
constexpr size_t first_at = 56;
constexpr size_t inline_crc_at = 64;
constexpr size_t direct_crc_at = 68;
constexpr size_t next_at = 72;
static_assert(next_at + 8 == record_entry_bytes);

/// What a segment can hold at most: positions stay far from where sums of them could wrap.
constexpr uint64_t position_max = uint64_t{1} << 40;

uint64_t digest_of(base::bytes header_and_entries) {
  constexpr uint8_t zeros[8] = {};
  base::xxh3_stream sum;
  sum.add(header_and_entries.first(digest_at));
  sum.add(zeros);
  sum.add(header_and_entries.subspan(digest_at + sizeof zeros));
  return sum.digest();
}

void store_entry(uint8_t* at, const record_entry& e) {
  std::memset(at, 0, record_entry_bytes);
  e.id.topic.store(at + topic_at);
  base::store_little<int32_t>(at + partition_at, e.id.partition);
  base::store_little<int32_t>(at + epoch_at, e.epoch.value());
  base::store_little<int64_t>(at + segment_at, e.segment.value());
  base::store_little<uint64_t>(at + begin_at, e.begin);
  base::store_little<uint64_t>(at + direct_end_at, e.direct_end);
  base::store_little<uint64_t>(at + end_at, e.end);
  base::store_little<int64_t>(at + first_at, e.first.value());
  base::store_little<uint32_t>(at + inline_crc_at, e.inline_crc);
  base::store_little<uint32_t>(at + direct_crc_at, e.direct_crc);
  base::store_little<int64_t>(at + next_at, e.next.value());
}

record_entry load_entry(const uint8_t* at) {
  record_entry e;
  e.id.topic = base::uuid::load(at + topic_at);
  e.id.partition = base::load_little<int32_t>(at + partition_at);
  e.epoch = base::leader_epoch(base::load_little<int32_t>(at + epoch_at));
  e.segment = base::offset(base::load_little<int64_t>(at + segment_at));
  e.begin = base::load_little<uint64_t>(at + begin_at);
  e.direct_end = base::load_little<uint64_t>(at + direct_end_at);
  e.end = base::load_little<uint64_t>(at + end_at);
  e.first = base::offset(base::load_little<int64_t>(at + first_at));
  e.inline_crc = base::load_little<uint32_t>(at + inline_crc_at);
  e.direct_crc = base::load_little<uint32_t>(at + direct_crc_at);
  e.next = base::offset(base::load_little<int64_t>(at + next_at));
  return e;
}

bool plausible(const record_entry& e) {
  if (e.begin > e.direct_end || e.direct_end > e.end || e.begin >= e.end || e.end > position_max) return false;
  const bool has_direct = e.direct_end > e.begin;
  if (has_direct && (e.begin % block_bytes != 0 || e.direct_end % block_bytes != 0)) return false;
  return e.segment.value() >= 0 && e.segment <= e.first && e.first <= e.next && e.id.partition >= 0;
}

}  // namespace

uint64_t record_size(size_t entries, uint64_t inline_bytes) {
  return block_ceil(record_header_bytes + entries * record_entry_bytes + inline_bytes);
}

uint64_t seal_record(base::mutable_bytes target, const record_header& header, const std::vector<record_entry>& entries) {
  uint64_t inline_bytes = 0;
  for (const record_entry& e : entries) {
    ASSERT(plausible(e));
    inline_bytes += e.inline_bytes();
  }
  ASSERT(!entries.empty() && target.size() == record_size(entries.size(), inline_bytes));
  ASSERT(target.size() <= record_bytes_max && header.number > 0 && header.durable < header.number);

  uint8_t* at = target.data();
  std::memset(at, 0, record_header_bytes);
  base::store_little<uint64_t>(at + magic_at, record_magic);
  base::store_little<uint64_t>(at + commit_log_at, header.commit_log);
  base::store_little<uint64_t>(at + number_at, header.number);
  base::store_little<uint64_t>(at + previous_at, header.previous);
  base::store_little<uint64_t>(at + durable_at, header.durable);
  base::store_little<uint32_t>(at + entries_at, static_cast<uint32_t>(entries.size()));
  base::store_little<uint32_t>(at + bytes_at, static_cast<uint32_t>(target.size()));
  uint8_t* entry = at + record_header_bytes;
  for (const record_entry& e : entries) {
    store_entry(entry, e);
    entry += record_entry_bytes;
  }
  const uint64_t digest = digest_of(base::bytes(target).first(record_header_bytes + entries.size() * record_entry_bytes));
  base::store_little<uint64_t>(at + digest_at, digest);
  return digest;
}

base::result<record_header> peek_record(base::bytes block) {
  if (block.size() < record_header_bytes) return base::fail(base::errc::truncated);
  const uint8_t* at = block.data();
  if (base::load_little<uint64_t>(at + magic_at) != record_magic) return base::fail(base::errc::malformed);
  record_header h;
  h.commit_log = base::load_little<uint64_t>(at + commit_log_at);
  h.number = base::load_little<uint64_t>(at + number_at);
  h.previous = base::load_little<uint64_t>(at + previous_at);
  h.durable = base::load_little<uint64_t>(at + durable_at);
  h.entries = base::load_little<uint32_t>(at + entries_at);
  h.bytes = base::load_little<uint32_t>(at + bytes_at);
  h.digest = base::load_little<uint64_t>(at + digest_at);
  const uint64_t least = record_header_bytes + uint64_t{h.entries} * record_entry_bytes;
  const bool sizes = h.bytes % block_bytes == 0 && h.bytes <= record_bytes_max && h.entries > 0 && least <= h.bytes;
  if (!sizes || h.number == 0 || h.durable >= h.number) return base::fail(base::errc::malformed);
  return h;
}

base::result<parsed_record> parse_record(base::bytes record) {
  TRY(record_header header, peek_record(record));
  if (record.size() < header.bytes) return base::fail(base::errc::truncated);
  const uint64_t inline_begin = record_header_bytes + uint64_t{header.entries} * record_entry_bytes;
  const bool whole = digest_of(record.first(inline_begin)) == header.digest;
  if (!whole && !base::mutated(base::mutant::skip_digest_check)) return base::fail(base::errc::corrupt);

  parsed_record parsed{header, {}, {}};
  parsed.entries.reserve(header.entries);
  parsed.inline_at.reserve(header.entries);
  uint64_t at = inline_begin;
  for (uint32_t i = 0; i < header.entries; ++i) {
    const record_entry e = load_entry(record.data() + record_header_bytes + size_t{i} * record_entry_bytes);
    if (!plausible(e) || e.inline_bytes() > header.bytes - at) {
      return base::fail(base::errc::malformed, static_cast<int32_t>(i));
    }
    parsed.entries.push_back(e);
    parsed.inline_at.push_back(static_cast<uint32_t>(at));
    at += e.inline_bytes();
  }
  if (block_ceil(at) != header.bytes) return base::fail(base::errc::malformed, static_cast<int32_t>(header.entries));
  return parsed;
}

}  // namespace millrace::storage
