#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "base/hash.hh"
#include "base/parse.hh"
#include "broker_files.hh"
#include "fuzz.hh"
#include "server/config_file.hh"
#include "server/config_load.hh"
#include "server/config_value.hh"
#include "storage/checkpoint.hh"
#include "storage/commit_file.hh"
#include "storage/commit_record.hh"
#include "storage/partition_metadata.hh"
#include "storage/state_file.hh"

/// Small files: those that a broker keeps (state files, the catalog, checkpoints, records of the commit log), and those that
/// an operator writes (the configuration). The first byte chooses; its highest bit says sealed. Seals are made right half of
/// the time, so that what they guard is reached. What decodes encodes to the same bytes; where a format has room that nobody
/// reads, or says a thing in more than one way, what it says is compared, and that is written there.

namespace millrace::fuzz {

namespace {

constexpr size_t checkpoint_digest_at = 24;
constexpr size_t checkpoint_bytes_at = 16;
constexpr size_t checkpoint_room_at = 88;
constexpr size_t checkpoint_header_bytes = 96;
constexpr size_t record_digest_at = 48;
constexpr size_t record_room_at = 56;
constexpr size_t commit_file_digest_at = 24;
constexpr size_t commit_file_flags_at = 12;
constexpr size_t version_at = 8;  ///< of a checkpoint and of a state file

void seal_around(std::vector<uint8_t>& file, size_t covered, size_t digest_at, bool zeros) {
  if (file.size() < digest_at + 8 || covered > file.size() || covered < digest_at + 8) return;
  if (zeros) base::store_little<uint64_t>(file.data() + digest_at, 0);
  base::xxh3_stream sum;
  const base::bytes whole = base::bytes(file).first(covered);
  if (zeros) {
    sum.add(whole);
  } else {
    sum.add(whole.first(digest_at));
    sum.add(whole.subspan(digest_at + 8));
  }
  base::store_little<uint64_t>(file.data() + digest_at, sum.digest());
}

bool same_checkpoint(const storage::checkpoint& a, const storage::checkpoint& b) {
  return a.number == b.number && a.start_number == b.start_number && a.core == b.core && a.clean == b.clean &&
         a.commit_log == b.commit_log && a.next_record == b.next_record && a.next_position == b.next_position &&
         a.previous_digest == b.previous_digest && a.logs == b.logs;
}

/// What logs take in a checkpoint: FORMAT.md draws it.
size_t logs_bytes(const std::vector<storage::log_state>& logs) {
  size_t bytes = 0;
  for (const storage::log_state& l : logs) bytes += 72 + l.directory.size() + l.epochs.size() * 12 + l.damage.size() * 16;
  return bytes;
}

void checkpoint_file(std::vector<uint8_t> file, bool sealed) {
  if (sealed && file.size() >= checkpoint_digest_at + 8) {
    base::store_little<uint64_t>(file.data() + checkpoint_bytes_at, file.size());
    seal_around(file, file.size(), checkpoint_digest_at, false);
  }
  const auto read = storage::decode_checkpoint(file);
  if (!read) return;
  const std::vector<uint8_t> once = storage::encode_checkpoint(*read);
  const auto again = storage::decode_checkpoint(once);
  ASSERT(again.ok() && same_checkpoint(*again, *read));
  if (base::load_little<uint32_t>(file.data() + version_at) != base::load_little<uint32_t>(once.data() + version_at)) return;
  // Not looked at: unknown flags, where the checkpoint ends and so its digest, room in the header, what follows the logs.
  const size_t meant = checkpoint_header_bytes + logs_bytes(read->logs);
  ASSERT(meant <= file.size() && meant <= once.size());
  for (const auto& [from, to] :
       {std::pair(size_t{0}, version_at + 4), std::pair(checkpoint_digest_at + 8, checkpoint_room_at),
        std::pair(checkpoint_header_bytes, meant)}) {
    ASSERT(std::equal(file.begin() + from, file.begin() + to, once.begin() + from));
  }
}

void commit_record(std::vector<uint8_t> record, bool sealed) {
  if (sealed) {
    const auto head = storage::peek_record(record);
    if (head) {
      const size_t covered = storage::record_header_bytes + size_t{head->entries} * storage::record_entry_bytes;
      seal_around(record, covered, record_digest_at, true);
    }
  }
  const auto read = storage::parse_record(record);
  if (!read) return;
  record.resize(read->header.bytes);
  std::vector<uint8_t> once = record;
  (void)storage::seal_record(once, read->header, read->entries);
  const auto again = storage::parse_record(once);
  ASSERT(again.ok() && again->inline_at == read->inline_at);
  // The header's room is written as zeros, and may have been anything: then the digest is another one.
  const auto room = std::span(record).subspan(record_room_at, storage::record_header_bytes - record_room_at);
  if (std::ranges::any_of(room, [](uint8_t byte) { return byte != 0; })) {
    std::ranges::fill(room, uint8_t{0});
    std::copy_n(once.begin() + record_digest_at, 8, record.begin() + record_digest_at);
  }
  ASSERT(once == record);
}

/// A state file of whatever kind and version its first bytes say; sealed, with all of it as the payload.
void state_files(const std::vector<uint8_t>& file, bool sealed) {
  if (sealed) {
    constexpr storage::state_format format{.magic = 0x1122334455667788u, .version = 3};
    const std::string whole = storage::encode_state(format, file);
    const auto payload = storage::decode_state(format, base::as_bytes(whole));
    ASSERT(payload.ok() && *payload == base::as_text(file));
    return;
  }
  if (file.size() < version_at + 4) return;
  const storage::state_format format{.magic = base::load_little<uint64_t>(file.data()),
                                     .version = base::load_little<uint32_t>(file.data() + version_at)};
  const auto payload = storage::decode_state(format, file);
  if (payload) ASSERT(storage::encode_state(format, base::as_bytes(*payload)) == base::as_text(file));
}

/// What follows the digest is not looked at, nor are flags that nobody knows.
void commit_header(std::vector<uint8_t> block, bool sealed) {
  block.resize(storage::block_bytes);
  if (sealed) {
    base::store_little<uint64_t>(block.data() + commit_file_digest_at,
                                 base::xxh3(base::bytes(block).first(commit_file_digest_at)));
  }
  const auto read = storage::decode_commit_file(block);
  if (!read) return;
  std::vector<uint8_t> once(storage::block_bytes);
  storage::encode_commit_file(once, *read);
  const auto again = storage::decode_commit_file(once);
  ASSERT(again.ok() && again->file_bytes == read->file_bytes && again->prepared == read->prepared);
  const auto flags = base::load_little<uint32_t>(block.data() + commit_file_flags_at);
  if (flags < 2) ASSERT(std::equal(block.begin(), block.begin() + commit_file_digest_at + 8, once.begin()));
}

void metadata_text(std::string_view text) {
  const auto topic = storage::decode_partition_metadata(text);
  if (topic) ASSERT(*storage::decode_partition_metadata(storage::encode_partition_metadata(*topic)) == *topic);
}

void words(std::string_view text) {
  (void)base::parse_size(text);
  (void)base::parse_duration(text);
  (void)base::parse_cpu_list(text);
  (void)base::parse_bool(text);
  (void)base::parse_integer<int32_t>(text);
  (void)base::parse_integer<uint64_t>(text);
}

/// One setting: a value that is taken shows as a text that is taken again and shows the same.
void one_setting(size_t number, std::string_view text) {
  const auto rows = server::config_rows();
  const server::row& row = rows[number % rows.size()];
  server::config into;
  if (server::read_value(row, text, into)) return;
  const std::string shown = server::value_text(row, into);
  server::config again;
  ASSERT(!server::read_value(row, shown, again));
  ASSERT(server::value_text(row, again) == shown);
}

void configuration(std::string_view text) {
  server::file_settings read = server::read_config_text(text, "fuzzed.toml");
  if (!read.errors.empty()) return;
  const server::loaded_config loaded =
      server::load_config({.file = {}, .environment = {}, .flags = {}, .sets = std::move(read.settings)});
  for (const server::explained_setting& s : server::explain(loaded)) ASSERT(!s.what.name.empty());
}

}  // namespace

void small_files(base::bytes input) {
  source from(input);
  const uint8_t how = from.byte();
  const bool sealed = (how & 0x80) != 0;
  std::vector<uint8_t> file = copy_of(from.rest());
  const std::string_view text = base::as_text(file);
  switch ((how & 0x7f) % 13) {
    case 0:
      return checkpoint_file(std::move(file), sealed);
    case 1:
      return commit_record(std::move(file), sealed);
    case 2:
      return state_files(file, sealed);
    case 3:
      return catalog_file(file);
    case 4:
      return catalog_values(file);
    case 5:
      return commit_header(std::move(file), sealed);
    case 6:
      return metadata_text(text);
    case 7:
      return words(text);
    case 8:
      return text.empty() ? void() : one_setting(static_cast<uint8_t>(text.front()), text.substr(1));
    case 9:
      return configuration(text);
    case 10:
      return coordinator_record(file, sealed);
    case 11:
      return producer_snapshot_payload(file);
    default:
      return catalog_producer_ids(file);
  }
}

}  // namespace millrace::fuzz
