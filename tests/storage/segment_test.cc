#include <doctest/doctest.h>

#include "base/limits.hh"
#include "reference_writer.hh"
#include "storage/layout.hh"
#include "storage/segment.hh"

namespace millrace::storage {
namespace {

using namespace test;
using reactor::task;

struct on_disk {
  sim::world w{3};
  sim::node& n = w.add_node();
  log_config config{.segment_bytes = 1 << 20, .index_interval_bytes = 4096};
  std::string directory = data_dir + "/t-0";
  std::vector<uint8_t> bytes;  ///< of batches
  on_disk() { n.disk().make_directories(directory); }
  base::result<void> run(task<base::result<void>> work) { return w.run(n, 0, std::move(work)); }
  std::vector<uint8_t> file(const std::string& path) {
    auto contents = n.disk().durable_contents(path);
    return contents ? *contents : std::vector<uint8_t>{};
  }

  /// Batches of one to five records with times that mostly rise, noted in `s` and collected in `bytes`.
  void add_batches(segment& s, int count, uint64_t seed) {
    base::prng random(seed);
    int64_t next = bytes.empty() ? s.base().value() : next_offset;
    for (int i = 0; i < count; ++i) {
      const auto records = static_cast<int32_t>(1 + random.below(5));
      const size_t payload = random.below(6000);
      const base::unix_ms timestamp = 1000 + i * 3 + random.between(-20, 20);
      const auto batch = make_batch(next, records, payload, 7, timestamp);
      s.note_batch(bytes.size(), static_cast<uint32_t>(batch.size()), base::offset(next + records - 1),
                   record::header_view(batch.data()).max_timestamp());
      bytes.insert(bytes.end(), batch.begin(), batch.end());
      next += records;
    }
    next_offset = next;
    s.size = bytes.size();
  }
  int64_t next_offset = 0;
};

task<base::result<void>> open_and_allocate(segment* s, uint64_t upto) {
  base::result<void> done = co_await s->open_for_write();
  if (done) {
    base::result<void> grown = co_await s->allocate(upto);
    done = grown;
  }
  co_await s->close_file();
  co_return done;
}

task<base::result<void>> write_and_close(reactor::core* on, segment* s, std::vector<uint8_t> bytes, bool park) {
  base::result<void> done = co_await s->open_for_write();
  if (!done) co_return done;
  base::result<void> grown = co_await s->allocate(bytes.size());
  done = grown;
  if (done) {
    reactor::chunk memory = on->memory().allocate(block_ceil(bytes.size()));
    std::memset(memory.data(), 0, memory.size());
    std::memcpy(memory.data(), bytes.data(), bytes.size());
    const base::bytes source = base::bytes(memory.bytes()).first(block_ceil(bytes.size()));
    base::result<void> written = co_await s->file().write(0, source, true);
    done = written;
  }
  if (done && park) {
    base::result<void> parked = co_await s->park();
    done = parked;
  }
  if (done && !park) {
    base::result<void> closed = co_await s->close_cleanly();
    done = closed;
  }
  co_await s->close_file();
  co_return done;
}

task<base::result<void>> load(segment* s, uint64_t bytes, bool trust) {
  base::result<void> done = co_await s->load_indexes(bytes, trust);
  co_return done;
}

TEST_CASE("segment: its file grows ahead in steps, and not beyond the segment's size") {
  struct row {
    uint64_t segment_bytes, had, upto, allocated;
  };
  using base::kib, base::mib;
  const row rows[] = {
      {mib, 0, 1, 64 * kib},
      {mib, 64 * kib, 64 * kib, 64 * kib},
      {mib, 64 * kib, 64 * kib + 1, mib},
      {mib, mib, mib + 1, mib + 4 * kib},  // one batch goes over the end
      {mib, 0, 3 * mib, 3 * mib},
      {1000 * mib, 64 * kib, 70 * kib, mib + 64 * kib},
      {1000 * mib, 16 * mib, 17 * mib, 32 * mib},
      {1000 * mib, 128 * mib, 129 * mib, 192 * mib},
      {1000 * mib, 960 * mib, 961 * mib, 1000 * mib},
  };
  for (const row& r : rows) {
    on_disk d;
    d.config.segment_bytes = r.segment_bytes;
    segment s(d.n.core(), d.directory, base::offset(0), d.config);
    s.allocated = r.had;
    REQUIRE(d.run(open_and_allocate(&s, r.upto)));
    CHECK(s.allocated == r.allocated);
  }
}

TEST_CASE("segment: a full file system is asked for no more than is needed") {
  on_disk d;
  d.n.disk().faults.capacity_bytes = d.n.disk().used_bytes() + (20 << 10);
  segment s(d.n.core(), d.directory, base::offset(0), d.config);
  REQUIRE(d.run(open_and_allocate(&s, 10000)));
  CHECK(s.allocated == 12288);
  const auto refused = d.run(open_and_allocate(&s, 100000));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == base::errc::no_space);
  CHECK(s.allocated == 12288);
}

task<base::result<void>> make_hole(reactor::core* on, std::string path, uint64_t bytes) {
  auto made = co_await reactor::file::open(*on, std::move(path), reactor::open_write | reactor::open_create);
  if (!made) co_return made.failure();
  const base::result<void> longer = co_await made->truncate(bytes);
  const base::result<void> closed = co_await made->close();
  co_return longer ? closed : longer;
}

TEST_CASE("segment: a file from the pool may be a hole, and gets its space before a write finds none") {
  on_disk d;
  const std::string pool_directory = layout::pool_directory(data_dir);
  REQUIRE(d.run(reactor::make_directory(d.n.core(), pool_directory)));
  REQUIRE(d.run(make_hole(&d.n.core(), layout::pool_file(data_dir, {0, 1}), 64 << 10)));
  segment_pool pool(d.n.core(), data_dir, {.bytes_max = 1 << 20, .file_bytes_least = 4096});
  REQUIRE(pool.open());
  segment s(d.n.core(), d.directory, base::offset(0), d.config);
  s.draw_from(&pool);
  d.add_batches(s, 5, 1);  // in memory so far
  REQUIRE(s.size > block_bytes);
  d.n.disk().faults.capacity_bytes = d.n.disk().used_bytes() + block_bytes;
  const auto refused = d.run(open_and_allocate(&s, block_floor(s.size)));
  REQUIRE(pool.taken() == 1);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == base::errc::no_space);
}

TEST_CASE("segment: closed and parked files end with their last batch, indexes are whole entries") {
  for (const bool park : {false, true}) {
    CAPTURE(park);
    on_disk d;
    segment s(d.n.core(), d.directory, base::offset(500), d.config);
    d.add_batches(s, 60, 1);
    REQUIRE(d.run(write_and_close(&d.n.core(), &s, d.bytes, park)));
    CHECK(s.state == (park ? segment_state::active : segment_state::closed));
    CHECK(d.file(s.log_path()) == d.bytes);
    CHECK(d.file(s.index_path()) == s.offsets.encode());
    CHECK(d.file(s.time_index_path()) == s.times.encode());
    CHECK(d.file(s.index_path()).size() % 8 == 0);
    CHECK(d.file(s.time_index_path()).size() % 12 == 0);
    CHECK(s.offsets.count() > 20);
    CHECK(s.allocated <= d.bytes.size());
  }
}

TEST_CASE("segment: indexes say what Kafka's dump tool asks of them") {
  on_disk d;
  segment s(d.n.core(), d.directory, base::offset(500), d.config);
  d.add_batches(s, 200, 2);
  for (const offset_index::entry& e : s.offsets.entries()) {
    const record::header_view batch(d.bytes.data() + e.position);
    CHECK(batch.last_offset() == e.last);
  }
  time_index times(base::offset(500));
  const std::vector<uint8_t> file = s.times.encode();
  base::unix_ms before = -1;
  for (size_t at = 0; at < file.size(); at += 12) {
    const auto timestamp = base::load_big<int64_t>(file.data() + at);
    const base::offset last = base::offset(500) + base::load_big<int32_t>(file.data() + at + 8);
    CHECK(timestamp > before);
    before = timestamp;
    // The first batch that ends at or behind the entry's offset has the entry's timestamp, and none before is newer.
    size_t position = 0;
    while (record::header_view(d.bytes.data() + position).last_offset() < last) {
      CHECK(record::header_view(d.bytes.data() + position).max_timestamp() < timestamp);
      position += record::header_view(d.bytes.data() + position).size();
    }
    CHECK(record::header_view(d.bytes.data() + position).last_offset() == last);
    CHECK(record::header_view(d.bytes.data() + position).max_timestamp() == timestamp);
  }
  CHECK(s.times.largest() == before);
}

TEST_CASE("segment: indexes are read, or rebuilt to the same, and go on with what was noted since") {
  for (const bool trust : {true, false}) {
    for (const char* harm : {"none", "missing", "cut"}) {
      CAPTURE(trust);
      CAPTURE(harm);
      on_disk d;
      segment first(d.n.core(), d.directory, base::offset(500), d.config);
      d.add_batches(first, 80, 4);
      REQUIRE(d.run(write_and_close(&d.n.core(), &first, d.bytes, true)));
      const uint64_t parked = d.bytes.size();
      if (std::string(harm) == "missing") REQUIRE(d.n.disk().remove(first.index_path()) == 0);
      if (std::string(harm) == "cut") d.n.disk().put(first.time_index_path(), std::vector<uint8_t>(7, 1));

      segment again(d.n.core(), d.directory, base::offset(500), d.config);
      again.indexes_complete = false;
      again.indexes_from = parked;
      again.indexes_from_offset = base::offset(d.next_offset);
      again.size = parked;
      d.add_batches(again, 20, 5);
      CHECK(again.offsets.count() < 20);
      REQUIRE(d.run(load(&again, parked, trust)));
      CHECK(again.indexes_complete);
      CHECK(again.first_timestamp == record::header_view(d.bytes.data()).max_timestamp());
      CHECK(again.times.largest() >= first.times.largest());
      const std::vector<uint8_t> before = first.offsets.encode();
      const std::vector<uint8_t> now = again.offsets.encode();
      REQUIRE(now.size() > before.size());
      CHECK(std::equal(before.begin(), before.end(), now.begin()));
    }
  }
}

TEST_CASE("segment: rebuilding stops at the bytes that are the log's, and refuses what does not follow") {
  on_disk d;
  segment first(d.n.core(), d.directory, base::offset(0), d.config);
  d.add_batches(first, 40, 6);
  const uint64_t valid = d.bytes.size();
  std::vector<uint8_t> file = d.bytes;
  const auto leftover = make_batch(d.next_offset, 1, 3000, 9, 9999999);
  file.insert(file.end(), leftover.begin(), leftover.end());
  d.n.disk().put(first.log_path(), file);
  segment again(d.n.core(), d.directory, base::offset(0), d.config);
  again.indexes_complete = false;
  SUBCASE("leftovers are not looked at") {
    REQUIRE(d.run(load(&again, valid, false)));
    CHECK(again.offsets.encode() == first.offsets.encode());
    CHECK(again.times.encode() == first.times.encode());
  }
  SUBCASE("the bytes end in a batch") { CHECK(d.run(load(&again, valid - 1, false)).error().code == base::errc::corrupt); }
  SUBCASE("the file ends before its bytes") {
    CHECK(d.run(load(&again, file.size() + 100, false)).error().code == base::errc::corrupt);
  }
  SUBCASE("an offset goes back") {
    record::stamp(file.data() + first.offsets.entries()[3].position, base::offset(0), base::leader_epoch(0));
    d.n.disk().put(first.log_path(), file);
    CHECK(d.run(load(&again, valid, false)).error().code == base::errc::corrupt);
  }
  SUBCASE("a length is wild") {
    base::store_big<int32_t>(file.data() + first.offsets.entries()[3].position + 8, INT32_MAX);
    d.n.disk().put(first.log_path(), file);
    CHECK(d.run(load(&again, valid, false)).error().code == base::errc::corrupt);
  }
}

TEST_CASE("segment: a closed one's indexes are written when they were rebuilt") {
  on_disk d;
  segment first(d.n.core(), d.directory, base::offset(0), d.config);
  d.add_batches(first, 40, 7);
  d.n.disk().put(first.log_path(), d.bytes);
  segment again(d.n.core(), d.directory, base::offset(0), d.config);
  again.indexes_complete = false;
  again.state = segment_state::closed;
  REQUIRE(d.run(load(&again, d.bytes.size(), true)));
  CHECK(d.file(again.index_path()) == first.offsets.encode());
  CHECK(d.file(again.time_index_path()) == first.times.encode());
}

}  // namespace
}  // namespace millrace::storage
