#include "workload/batches.hh"

#include "base/hash.hh"
#include "record/batch_builder.hh"
#include "record/batch_view.hh"
#include "record/compression.hh"
#include "record/record_iterator.hh"
#include "record/verify.hh"

namespace millrace::swarm {

namespace {

/// What the broker does not stamp lies behind base offset, length and leader epoch.
uint64_t body_of(base::bytes batch) { return base::xxh3(batch.subspan(record::header::magic_at)); }

/// One record, and as many bytes in all as every other batch of the run has.
made_batch make_even_batch(base::prng& random, const record::batch_options& options, size_t bytes, base::unix_ms now) {
  made_batch made;
  made.times.push_back(now + random.between(-2000, 2000));
  std::vector<uint8_t> value(bytes - record::header::size - 16);
  random.fill(value);
  while (made.bytes.size() != bytes) {
    if (!made.bytes.empty()) value.resize(value.size() + bytes - made.bytes.size());
    made.bytes.clear();
    record::batch_builder builder(made.bytes, options);
    builder.add({.timestamp = made.times.back(), .value = base::bytes(value)});
    const auto finished = builder.finish();
    ASSERT(finished.ok());
  }
  made.body = body_of(made.bytes);
  return made;
}

record::batch_options uncompressed(const batch_numbers& numbers) {
  record::batch_options options;
  options.producer_id = numbers.producer;
  options.producer_epoch = numbers.epoch;
  options.base_sequence = numbers.sequence;
  return options;
}

record::batch_options options_for(base::prng& random, const run_options& o, const batch_numbers& numbers) {
  record::batch_options options = uncompressed(numbers);
  if (o.codecs && random.chance(0.4)) options.codec = static_cast<record::codec>(random.below(record::codec_last + 1));
  return options;
}

void hash_field(base::xxh3_stream& into, const std::optional<base::bytes>& field) {
  const uint64_t length = field ? field->size() : UINT64_MAX;
  into.add({reinterpret_cast<const uint8_t*>(&length), sizeof length});
  if (field) into.add(*field);
}

/// A record's number within its batch is not in it: it may be sent at another one.
uint64_t content_of(const record::record_view& r, int64_t time) {
  base::xxh3_stream all;
  all.add({reinterpret_cast<const uint8_t*>(&time), sizeof time});
  hash_field(all, r.key);
  hash_field(all, r.value);
  hash_field(all, r.raw_headers);
  return all.digest();
}

bool add_keyed(const record::batch_view& b, keyed_records& out) {
  if (!record::verify_crc(b)) return false;
  std::vector<uint8_t> opened;
  base::bytes records = b.records();
  if (b.record_count() > 0 && b.is_compressed()) {
    if (!record::decompress(b.codec(), records, UINT32_MAX, opened)) return false;
    records = opened;
  }
  record::record_iterator each(records, b.record_count());
  record::record_view r;
  int64_t last = -1;
  while (true) {
    const auto more = each.next(r);
    if (!more) return false;
    if (!*more) return true;
    if (!r.key || r.offset_delta <= last || r.offset_delta > b.last_offset_delta()) return false;
    last = r.offset_delta;
    const int64_t time = b.base_timestamp() + r.timestamp_delta;
    out.push_back({.offset = b.base_offset().value() + r.offset_delta,
                   .time = time,
                   .key = base::xxh3(*r.key),
                   .content = content_of(r, time),
                   .tombstone = !r.value});
  }
}

}  // namespace

made_batch make_batch(base::prng& random, const run_options& o, base::unix_ms now, const batch_numbers& numbers) {
  if (o.even > 0) return make_even_batch(random, uncompressed(numbers), o.even, now);
  made_batch made;
  record::batch_builder builder(made.bytes, options_for(random, o, numbers));
  const bool big = random.chance(o.big);
  const int64_t count = big ? 1 : random.between(1, 8);
  std::vector<uint8_t> value;
  for (int64_t i = 0; i < count; ++i) {
    value.resize(16 + random.below(big ? o.big_most : o.value_most));
    random.fill(value);
    made.times.push_back(now + random.between(-2000, 2000));
    builder.add({.timestamp = made.times.back(), .value = base::bytes(value)});
  }
  const auto finished = builder.finish();
  ASSERT(finished.ok());
  made.body = body_of(made.bytes);
  return made;
}

/// A header tells one tombstone from another.
made_batch make_keyed_batch(base::prng& random, const run_options& o, base::unix_ms now, const batch_numbers& numbers) {
  made_batch made;
  record::batch_builder builder(made.bytes, options_for(random, o, numbers));
  const bool big = random.chance(o.big);
  const int64_t count = big ? 1 : random.between(1, 8);
  std::vector<uint8_t> value;
  for (int64_t i = 0; i < count; ++i) {
    const std::string key = "key" + std::to_string(random.below(o.compaction.keys));
    const bool tombstone = !big && random.chance(o.compaction.tombstones);
    value.resize(16 + random.below(tombstone ? 1 : big ? o.big_most : o.value_most));
    random.fill(value);
    const record::header_field header{.key = "id", .value = base::bytes(value)};
    record::new_record one{.timestamp = now + random.between(-2000, 2000), .key = base::as_bytes(key)};
    if (tombstone) {
      one.headers = {&header, 1};
    } else {
      one.value = base::bytes(value);
    }
    made.times.push_back(one.timestamp);
    builder.add(one);
  }
  const auto finished = builder.finish();
  ASSERT(finished.ok());
  made.body = body_of(made.bytes);
  auto keyed = keyed_records_of(made.bytes);
  ASSERT(keyed.has_value());
  made.keyed = std::move(*keyed);
  return made;
}

made_batch batch_of(base::prng& random, size_t bytes, base::unix_ms now) {
  ASSERT(bytes > 200);
  made_batch made;
  made.times.push_back(now);
  std::vector<uint8_t> value(bytes - 100);
  while (made.bytes.size() != bytes) {
    // What surrounds a value grows with it by a byte here and there: the second or third fits.
    if (!made.bytes.empty()) value.resize(value.size() + bytes - made.bytes.size());
    made.bytes.clear();
    random.fill(value);
    record::batch_builder builder(made.bytes, {});
    builder.add({.timestamp = now, .value = base::bytes(value)});
    const auto finished = builder.finish();
    ASSERT(finished.ok());
  }
  made.body = body_of(made.bytes);
  return made;
}

bool take_apart(base::bytes records, read_batches& out) {
  record::batch_iterator batches(records);
  while (!batches.done()) {
    const auto b = batches.next();
    if (!b) return false;
    out.push_back({b->base_offset().value(), b->next_offset().value(), b->leader_epoch().value(), body_of(b->data()),
                   b->producer_id(), b->producer_epoch(), b->base_sequence()});
  }
  return true;
}

std::optional<keyed_records> keyed_records_of(base::bytes records) {
  keyed_records found;
  record::batch_iterator batches(records);
  while (!batches.done()) {
    const auto b = batches.next();
    if (!b || !add_keyed(*b, found)) return std::nullopt;
  }
  return found;
}

}  // namespace millrace::swarm
