#include "compaction_world.hh"

#include "record/compression.hh"
#include "record/record_iterator.hh"
#include "storage/layout.hh"

namespace millrace::storage::test {

compaction_world::compaction_world(uint64_t seed, world_setup o) : log_world(seed, small(o)) { boot(); }

world_setup compaction_world::small(world_setup o) {
  o.segment_bytes = std::min<uint64_t>(o.segment_bytes, 16 << 10);
  o.index_interval = 512;
  o.logs = 1;
  o.compact = true;
  return o;
}

void compaction_world::put(const std::vector<keyed_record>& records, record::codec codec) {
  std::vector<uint8_t> bytes;
  record::batch_builder builder(bytes, {.codec = codec});
  for (const keyed_record& r : records) {
    record::new_record one{.timestamp = r.time, .key = base::as_bytes(r.key)};
    if (r.value) one.value = base::as_bytes(*r.value);
    builder.add(one);
  }
  REQUIRE(builder.finish());
  put_so_far.resize(static_cast<size_t>(m().end));  // what a crash took
  for (unsigned tries = 0;; ++tries) {
    REQUIRE(tries < 10000);
    const auto batch = record::batch_view::frame(bytes);
    // The listener may hear of it at the end of the turn.
    m().end += static_cast<int64_t>(records.size());
    const auto got =
        w.run(n, core_of(m()), [](log* to, record::batch_view b, base::leader_epoch e) -> task<base::result<appended>> {
          co_return to->append(b, e, crc_check::compute);
        }(&l(), *batch, start_number));
    if (got) break;
    m().end -= static_cast<int64_t>(records.size());
    REQUIRE(got.error().code == base::errc::busy);
    w.run_for(base::milliseconds(1));
  }
  put_so_far.insert(put_so_far.end(), records.begin(), records.end());
}

void compaction_world::put_random(unsigned batches, unsigned keys, double tombstones) {
  for (unsigned i = 0; i < batches; ++i) {
    std::vector<keyed_record> records(1 + random.below(4));
    for (keyed_record& r : records) {
      r.key = "key-" + std::to_string(random.below(keys));
      if (!random.chance(tombstones)) r.value = std::string(random.below(200), static_cast<char>('a' + random.below(26)));
      r.time = now_ms();
    }
    put(records, static_cast<record::codec>(random.below(5)));
  }
}

void compaction_world::rest() {
  REQUIRE(settle());
  w.run_for(base::milliseconds(300));
}

void compaction_world::roll() {
  rest();
  // Larger than what is left of any segment.
  const uint64_t before = managers[0]->counters().rolls;
  while (managers[0]->counters().rolls == before) put_one("filler", std::string(3000, 'f'));
  rest();
}

base::result<compaction_outcome> compaction_world::pass() {
  return w.run(n, core_of(m()), manager_of(m()).compaction().run(m().id));
}

std::optional<compaction_candidate> compaction_world::look() {
  const auto seen = w.run(n, core_of(m()), manager_of(m()).compaction().look(m().id));
  REQUIRE(seen);
  return *seen;
}

std::vector<compaction_world::stored> compaction_world::read_all(int64_t from) {
  std::vector<stored> all;
  int64_t at = std::max(from, l().log_start().value());
  while (at < l().acknowledged().value()) {
    const auto got = read(m(), at, 4096);
    REQUIRE(got);
    const std::vector<uint8_t> bytes = bytes_of(*got);
    REQUIRE(!bytes.empty());
    record::batch_iterator batches{base::bytes(bytes)};
    while (!batches.done()) {
      const auto batch = batches.next();
      REQUIRE(batch);
      REQUIRE(batch->next_offset().value() > at);
      std::vector<uint8_t> opened;
      REQUIRE(record::decompress(batch->codec(), batch->records(), 1 << 20, opened));
      record::record_iterator each(opened, batch->record_count());
      record::record_view r;
      while (*each.next(r)) {
        const int64_t offset = batch->base_offset().value() + r.offset_delta;
        if (offset < from) continue;
        REQUIRE(offset < static_cast<int64_t>(put_so_far.size()));
        if (!all.empty()) CHECK(offset > all.back().offset);
        keyed_record seen{std::string(base::as_text(*r.key)), std::nullopt, batch->base_timestamp() + r.timestamp_delta};
        if (r.value) seen.value = std::string(base::as_text(*r.value));
        CHECK(seen == put_so_far[static_cast<size_t>(offset)]);
        all.push_back({offset, seen});
      }
      at = batch->next_offset().value();
    }
  }
  CHECK(at == l().acknowledged().value());
  return all;
}

void compaction_world::check_compacted(std::optional<int64_t> clean_to) {
  const auto seen = read_all();
  std::map<int64_t, bool> there;
  for (const stored& s : seen) there[s.offset] = true;
  std::map<std::string, int64_t> last, last_clean;
  const int64_t end = l().acknowledged().value();
  for (int64_t o = l().log_start().value(); o < end; ++o) {
    const keyed_record& r = put_so_far[static_cast<size_t>(o)];
    last[r.key] = o;
    if (clean_to && o < *clean_to) last_clean[r.key] = o;
    if (clean_to && o >= *clean_to) CHECK_MESSAGE(there.contains(o), "offset ", o);
  }
  for (const auto& [key, o] : last) {
    if (put_so_far[static_cast<size_t>(o)].value) CHECK_MESSAGE(there.contains(o), "last of ", key, " at ", o);
  }
  for (const stored& s : seen) {
    if (clean_to && s.offset < *clean_to)
      CHECK_MESSAGE(last_clean[s.record.key] == s.offset, s.record.key, " at ", s.offset);
  }
}

void compaction_world::check_times() {
  const auto all = read_all();
  const auto newest = w.run(n, 0, managers[0]->reader().find_max_timestamp(m().id));
  REQUIRE(newest);
  CHECK(newest->timestamp == all.back().record.time);
  for (const auto& one : all) {
    if (one.record.key == "filler") continue;  // they share a time
    const auto found = w.run(n, 0, managers[0]->reader().find_timestamp(m().id, one.record.time));
    REQUIRE(found);
    CHECK(found->timestamp == one.record.time);
    CHECK(found->offset.value() == one.offset);
  }
}

std::vector<std::string> compaction_world::files() {
  std::vector<std::string> names;
  const auto entries = n.core().effects().list(world_dir + "/" + m().directory);
  REQUIRE(entries);
  for (const auto& e : *entries) names.push_back(e.name);
  return names;
}

}  // namespace millrace::storage::test
