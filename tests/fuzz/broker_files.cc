#include "broker_files.hh"

#include <algorithm>
#include <optional>
#include <string>

#include "broker/catalog/file_store.hh"
#include "broker/catalog/stored_entries.hh"
#include "broker/group/group_records.hh"
#include "broker/partition/producer_snapshot.hh"
#include "fuzz.hh"
#include "record/record_iterator.hh"

namespace millrace::fuzz {

namespace {

bool same(base::bytes a, base::bytes b) { return std::ranges::equal(a, b); }

bool same_batch(const broker::producer_batch& a, const broker::producer_batch& b) {
  return a.first_sequence == b.first_sequence && a.last_sequence == b.last_sequence && a.first == b.first &&
         a.next == b.next && a.timestamp == b.timestamp;
}

bool same_producer(const broker::producer_state& a, const broker::producer_state& b) {
  return a.id == b.id && a.epoch == b.epoch && a.last_write == b.last_write &&
         std::ranges::equal(a.window(), b.window(), same_batch);
}

/// The order in which a snapshot has them; no two are equal in it.
bool in_order(const std::vector<broker::producer_state>& producers) {
  return std::ranges::is_sorted(producers, [](const broker::producer_state& a, const broker::producer_state& b) {
    return a.last_write != b.last_write ? a.last_write > b.last_write : a.id < b.id;
  });
}

/// Key and value of the one record in a batch.
record::record_view only_record(const record::batch_view& batch) {
  record::record_iterator records(batch.records(), batch.record_count());
  record::record_view found;
  const auto first = records.next(found);
  ASSERT(first.ok() && *first && found.key);
  record::record_view more;
  const auto second = records.next(more);
  ASSERT(second.ok() && !*second);
  return found;
}

/// Kafka's first brokers wrote the keys of offsets with another number before the same fields.
constexpr int16_t legacy_offset_key = 0;
/// Of committed offsets, the version that has tagged fields, and lengths of more than one form.
constexpr int16_t flexible_commit = 4;

void check_key(base::bytes in, base::bytes once) {
  const bool legacy = base::load_big<int16_t>(in.data()) == legacy_offset_key;
  ASSERT(legacy ? same(in.subspan(2), once.subspan(2)) : same(in, once));
}

/// A value is written in one version, whatever it was read from: the same bytes come only where that was the same one.
void check_value(std::optional<base::bytes> in, std::optional<base::bytes> once, bool commit) {
  ASSERT(in.has_value() == once.has_value());
  if (!in) return;
  const auto version = base::load_big<int16_t>(in->data());
  if (version != base::load_big<int16_t>(once->data())) return;
  if (!commit || version != flexible_commit) {
    ASSERT(same(*in, *once));
  } else {
    ASSERT(once->size() <= in->size() && (once->size() < in->size() || same(*in, *once)));
  }
}

}  // namespace

void catalog_file(base::bytes payload) {
  const auto entries = broker::decode_entries(payload);
  if (entries) ASSERT(broker::encode_entries(*entries) == base::as_text(payload));
}

/// A topic's value has more than one form: a directory's usual name may be written out, and settings may stand in another
/// order, or twice. All but another order make it longer.
void catalog_values(base::bytes value) {
  const base::uuid id = base::uuid::from_random(1, 2);
  if (const auto topic = broker::decode_topic(id, value); topic) {
    const std::string once = broker::encode_topic(*topic);
    const auto again = broker::decode_topic(id, base::as_bytes(once));
    ASSERT(again.ok() && *again == *topic);
    ASSERT(once.size() <= value.size());
    if (once.size() == value.size() && topic->overrides.size() < 2) ASSERT(once == base::as_text(value));
  }
  const auto stream = broker::decode_stream(id, value);
  if (stream) ASSERT(broker::encode_stream(*stream) == base::as_text(value));
  catalog_producer_ids(value);
}

void catalog_producer_ids(base::bytes value) {
  const auto next = broker::decode_producer_ids(value);
  if (next) ASSERT(broker::encode_producer_ids(*next) == base::as_text(value));
}

/// A snapshot is written in one order and has each producer once; others are read as well, and the last of each counts.
void producer_snapshot_payload(base::bytes payload) {
  const auto read = broker::decode_producers(payload);
  if (!read) return;
  broker::producer_ages ages(SIZE_MAX, base::milliseconds(1), 7);
  broker::producer_table table(ages);
  for (const broker::producer_state& p : read->producers) table.restore(p, 0);
  const std::string once = broker::encode_producers(table, read->covers);
  if (in_order(read->producers) && table.size() == read->producers.size()) ASSERT(once == base::as_text(payload));
  const auto again = broker::decode_producers(base::as_bytes(once));
  ASSERT(again.ok() && again->covers == read->covers && again->producers.size() == table.size());
  for (const broker::producer_state& p : again->producers) {
    const auto newest = std::find_if(read->producers.rbegin(), read->producers.rend(),
                                     [&](const broker::producer_state& other) { return other.id == p.id; });
    ASSERT(newest != read->producers.rend() && same_producer(*newest, p));
  }
}

void coordinator_record(base::bytes input, bool tombstone) {
  source from(input);
  const size_t key_bytes = from.two();
  const std::vector<uint8_t> key = copy_of(from.take(key_bytes));
  const std::vector<uint8_t> text = copy_of(from.rest());
  const std::optional<base::bytes> value = tombstone ? std::nullopt : std::optional<base::bytes>(text);
  const auto read = broker::decode_coordinator_record(base::bytes(key), value);
  if (!read || std::holds_alternative<broker::unknown_record>(*read)) return;
  const broker::timed_record one{.timestamp = 1000, .what = *read};
  std::vector<uint8_t> target;
  const auto built = broker::build_coordinator_batch({&one, 1}, target);
  ASSERT(built.ok());
  const auto batch = record::batch_view::frame(*built);
  ASSERT(batch.ok());
  std::vector<uint8_t> unpacked;
  const auto again = broker::read_coordinator_batch(*batch, unpacked, target.size());
  ASSERT(again.ok() && again->size() == 1 && again->front().timestamp == one.timestamp);
  ASSERT(again->front().what.ok() && *again->front().what == *read);
  const record::record_view written = only_record(*batch);
  check_key(key, *written.key);
  check_value(value, written.value, std::holds_alternative<broker::stored_offset>(*read));
}

}  // namespace millrace::fuzz
