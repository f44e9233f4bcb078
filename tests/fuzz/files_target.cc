#include <string>

#include "base/hash.hh"
#include "base/parse.hh"
#include "broker/catalog/file_store.hh"
#include "broker/catalog/stored_entries.hh"
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
/// an operator writes (the configuration). The first byte chooses. Seals are made right half of the time, so that what they
/// guard is reached. What decodes encodes to what decodes to the same.

namespace millrace::fuzz {

namespace {

constexpr size_t checkpoint_digest_at = 24;
constexpr size_t checkpoint_bytes_at = 16;
constexpr size_t record_digest_at = 48;

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

void checkpoint_file(std::vector<uint8_t> file, bool sealed) {
  if (sealed && file.size() >= checkpoint_digest_at + 8) {
    base::store_little<uint64_t>(file.data() + checkpoint_bytes_at, file.size());
    seal_around(file, file.size(), checkpoint_digest_at, false);
  }
  const auto read = storage::decode_checkpoint(file);
  if (!read) return;
  const std::vector<uint8_t> once = storage::encode_checkpoint(*read);
  const auto again = storage::decode_checkpoint(once);
  ASSERT(again.ok() && storage::encode_checkpoint(*again) == once && again->logs == read->logs);
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
  std::vector<uint8_t> once(record.begin(), record.begin() + read->header.bytes);
  (void)storage::seal_record(once, read->header, read->entries);  // what it leaves as zeros may have been anything
  const auto again = storage::parse_record(once);
  ASSERT(again.ok() && again->entries.size() == read->entries.size() && again->inline_at == read->inline_at);
}

void state_files(const std::vector<uint8_t>& file, bool sealed) {
  constexpr storage::state_format format{.magic = 0x1122334455667788u, .version = 3};
  if (!sealed) {
    (void)storage::decode_state(format, file);
    return;
  }
  const std::string whole = storage::encode_state(format, file);
  const auto payload = storage::decode_state(format, base::as_bytes(whole));
  ASSERT(payload.ok() && base::as_bytes(*payload).size() == file.size());
}

void catalog_file(const std::vector<uint8_t>& payload) {
  const auto entries = broker::decode_entries(payload);
  if (!entries) return;
  const std::string once = broker::encode_entries(*entries);
  const auto again = broker::decode_entries(base::as_bytes(once));
  ASSERT(again.ok() && broker::encode_entries(*again) == once);
}

void catalog_values(const std::vector<uint8_t>& value) {
  const base::uuid id = base::uuid::from_random(1, 2);
  if (const auto topic = broker::decode_topic(id, value); topic) {
    const std::string once = broker::encode_topic(*topic);
    const auto again = broker::decode_topic(id, base::as_bytes(once));
    ASSERT(again.ok() && *again == *topic);
  }
  if (const auto stream = broker::decode_stream(id, value); stream) {
    const std::string once = broker::encode_stream(*stream);
    const auto again = broker::decode_stream(id, base::as_bytes(once));
    ASSERT(again.ok() && *again == *stream);
  }
}

void commit_header(std::vector<uint8_t> block) {
  block.resize(storage::block_bytes);
  const auto read = storage::decode_commit_file(block);
  if (!read) return;
  std::vector<uint8_t> once(storage::block_bytes);
  storage::encode_commit_file(once, *read);
  ASSERT(storage::decode_commit_file(once).ok());
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
  switch (how % 10) {
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
      return commit_header(std::move(file));
    case 6:
      return metadata_text(text);
    case 7:
      return words(text);
    case 8:
      return text.empty() ? void() : one_setting(static_cast<uint8_t>(text.front()), text.substr(1));
    default:
      return configuration(text);
  }
}

}  // namespace millrace::fuzz
