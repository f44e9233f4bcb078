#include "workload/batches.hh"

#include "base/hash.hh"
#include "record/batch_builder.hh"
#include "record/batch_view.hh"

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

}  // namespace

made_batch make_batch(base::prng& random, const run_options& o, base::unix_ms now, const batch_numbers& numbers) {
  record::batch_options options;
  options.producer_id = numbers.producer;
  options.producer_epoch = numbers.epoch;
  options.base_sequence = numbers.sequence;
  if (o.even > 0) return make_even_batch(random, options, o.even, now);
  made_batch made;
  if (o.codecs && random.chance(0.4)) options.codec = static_cast<record::codec>(random.below(record::codec_last + 1));
  record::batch_builder builder(made.bytes, options);
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

}  // namespace millrace::swarm
