#include "storage/checkpoint.hh"

#include <utility>

#include "base/assert.hh"
#include "base/hash.hh"
#include "storage/packing.hh"

/// The format: pure functions.

namespace millrace::storage {
namespace {

constexpr uint64_t magic = 0x31544b4843524d2eu;
constexpr uint32_t version = 2;
/// Logs of version 1 do not say where unkept producers begin: nobody kept any.
constexpr uint32_t version_without_producers = 1;
constexpr size_t bytes_at = 16;
constexpr size_t digest_at = 24;
constexpr size_t header_bytes = 96;
constexpr uint32_t clean_flag = 1;
constexpr size_t directory_bytes_max = 255;

uint64_t digest_of(base::bytes whole) {
  base::xxh3_stream sum;
  sum.add(whole.first(digest_at));
  sum.add(whole.subspan(digest_at + 8));
  return sum.digest();
}

void pack_log(packer& to, const log_state& l) {
  ASSERT(l.directory.size() <= directory_bytes_max);
  to.id(l.id.topic);
  to.number<int32_t>(l.id.partition);
  to.number<uint32_t>(static_cast<uint32_t>(l.directory.size()));
  to.number<int64_t>(l.end.segment.value());
  to.number<uint64_t>(l.end.position);
  to.number<int64_t>(l.end.next.value());
  to.number<int64_t>(l.log_start.value());
  to.number<int64_t>(l.producers_from.value());
  to.number<uint32_t>(static_cast<uint32_t>(l.epochs.size()));
  to.number<uint32_t>(static_cast<uint32_t>(l.damage.size()));
  to.text(l.directory);
  for (const epoch_start& e : l.epochs) {
    to.number<int32_t>(e.epoch.value());
    to.number<int64_t>(e.first.value());
  }
  for (const damaged_range& d : l.damage) {
    to.number<int64_t>(d.begin.value());
    to.number<int64_t>(d.limit.value());
  }
}

bool plausible(const log_state& l) {
  if (l.id.partition < 0 || l.directory.empty() || l.directory.size() > directory_bytes_max) return false;
  if (l.directory.find('/') != std::string::npos || l.directory[0] == '.') return false;
  if (l.end.segment.value() < 0 || l.end.next < l.end.segment || l.end.position > uint64_t{1} << 40) return false;
  if (l.producers_from.value() < 0 || l.producers_from > l.end.next) return false;
  // The log's start may be ahead of what segments hold: it follows what was acknowledged.
  return l.log_start.value() >= 0;
}

bool unpack_log(unpacker& from, uint32_t written_as, log_state& l) {
  l.id.topic = from.id();
  l.id.partition = from.number<int32_t>();
  const auto directory_bytes = from.number<uint32_t>();
  l.end.segment = base::offset(from.number<int64_t>());
  l.end.position = from.number<uint64_t>();
  l.end.next = base::offset(from.number<int64_t>());
  l.log_start = base::offset(from.number<int64_t>());
  l.producers_from = l.end.next;
  if (written_as != version_without_producers) l.producers_from = base::offset(from.number<int64_t>());
  const auto epochs = from.number<uint32_t>();
  const auto damage = from.number<uint32_t>();
  // Counts are checked against the bytes there are before anything is made of that size.
  if (uint64_t{epochs} * 12 + uint64_t{damage} * 16 + directory_bytes > from.left()) return false;
  l.directory = from.text(directory_bytes);
  for (uint32_t i = 0; i < epochs; ++i) {
    const base::leader_epoch epoch(from.number<int32_t>());
    l.epochs.push_back({epoch, base::offset(from.number<int64_t>())});
  }
  for (uint32_t i = 0; i < damage; ++i) {
    const base::offset begin(from.number<int64_t>());
    l.damage.push_back({begin, base::offset(from.number<int64_t>())});
  }
  return !from.failed() && plausible(l);
}

}  // namespace

std::vector<uint8_t> encode_checkpoint(const checkpoint& c) {
  std::vector<uint8_t> file;
  file.reserve(header_bytes + c.logs.size() * 128 + block_bytes);
  packer to(file);
  to.number<uint64_t>(magic);
  to.number<uint32_t>(version);
  to.number<uint32_t>(c.clean ? clean_flag : 0);
  to.number<uint64_t>(0);  // bytes
  to.number<uint64_t>(0);  // digest
  to.number<uint64_t>(c.number);
  to.number<int32_t>(c.start_number.value());
  to.number<uint32_t>(c.core);
  to.number<uint64_t>(c.commit_log);
  to.number<uint64_t>(c.next_record);
  to.number<uint64_t>(c.next_position);
  to.number<uint64_t>(c.previous_digest);
  to.number<uint64_t>(c.logs.size());
  to.number<uint64_t>(0);  // room
  ASSERT(file.size() == header_bytes);
  for (const log_state& l : c.logs) pack_log(to, l);
  file.resize(block_ceil(file.size()));
  ASSERT(file.size() <= checkpoint_bytes_max);
  base::store_little<uint64_t>(file.data() + bytes_at, file.size());
  base::store_little<uint64_t>(file.data() + digest_at, digest_of(file));
  return file;
}

base::result<checkpoint> decode_checkpoint(base::bytes file) {
  if (file.size() < header_bytes) return base::fail(base::errc::truncated);
  unpacker from(file);
  if (from.number<uint64_t>() != magic) return base::fail(base::errc::foreign);
  const auto seen_version = from.number<uint32_t>();
  const auto flags = from.number<uint32_t>();
  const auto size = from.number<uint64_t>();
  const auto digest = from.number<uint64_t>();
  if (size < header_bytes || size > checkpoint_bytes_max) return base::fail(base::errc::corrupt);
  if (size > file.size()) return base::fail(base::errc::truncated);
  if (digest != digest_of(file.first(size))) return base::fail(base::errc::corrupt);
  // Only now: a torn checkpoint of ours is not somebody else's.
  if (seen_version != version && seen_version != version_without_producers) {
    return base::fail(base::errc::foreign, static_cast<int32_t>(seen_version));
  }

  checkpoint c;
  c.clean = (flags & clean_flag) != 0;
  c.number = from.number<uint64_t>();
  c.start_number = base::leader_epoch(from.number<int32_t>());
  c.core = from.number<uint32_t>();
  c.commit_log = from.number<uint64_t>();
  c.next_record = from.number<uint64_t>();
  c.next_position = from.number<uint64_t>();
  c.previous_digest = from.number<uint64_t>();
  const auto logs = from.number<uint64_t>();
  from.number<uint64_t>();
  for (uint64_t i = 0; i < logs; ++i) {
    log_state l;
    if (!unpack_log(from, seen_version, l)) return base::fail(base::errc::malformed, static_cast<int32_t>(i));
    c.logs.push_back(std::move(l));
  }
  return c;
}

}  // namespace millrace::storage
