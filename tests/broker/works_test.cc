#include <doctest/doctest.h>

#include <deque>

#include "appending.hh"
#include "broker_node.hh"
#include "record/batch_builder.hh"

/// Works between cores: reads that are parked, what ends them, and what must not wait for them.

namespace millrace::broker {
namespace {

using namespace test;

std::vector<uint8_t> batch_of(size_t value_bytes) {
  const std::vector<uint8_t> value(value_bytes, 'v');
  std::vector<uint8_t> bytes;
  record::batch_builder builder(bytes, {});
  builder.add({.timestamp = 1000, .value = base::bytes(value)});
  REQUIRE(builder.finish());
  return bytes;
}

struct reading final : read_work {
  explicit reading(const std::vector<storage::log_id>& ids) : memory(new read_part[ids.size()]) {
    for (size_t i = 0; i < ids.size(); ++i) {
      memory[i].id = ids[i];
      memory[i].bytes_max = 1 << 20;
    }
    parts = {memory.get(), ids.size()};
    bytes_max = 1 << 20;
    bytes_min = 1 << 20;
    wait = base::seconds(60);
  }
  void on_settled() override { done = true; }
  std::unique_ptr<read_part[]> memory;
  bool done = false;
};

/// A broker with the topic "t".
struct works_world {
  explicit works_world(uint64_t seed, unsigned cores, int32_t partitions) : b(seed, cores) {
    REQUIRE(b.start());
    REQUIRE_FALSE(b.create({.name = "t", .partitions = partitions, .assignment = {}, .configs = {}}).error);
  }
  storage::log_id on_core(unsigned core) const {
    for (const partition_info& p : b.seen().find("t")->partitions) {
      if (p.owner.value() == core) return p.id;
    }
    FAIL("no partition on that core");
    return {};
  }
  /// Lets slices go, so that memory is whole at the end.
  void release(reading& r) {
    r.done = false;
    b.brokers[0]->release(r);
    REQUIRE(b.w.run_until([&] { return r.done; }, base::seconds(5)));
  }
  void append(const storage::log_id& id, unsigned core, size_t value_bytes) {
    appending a(id, batch_of(value_bytes));
    b.brokers[0]->send(a, base::core_id(core));
    REQUIRE(b.w.run_until([&] { return a.done; }, base::seconds(5)));
    REQUIRE_FALSE(a.part.failed);
  }
  broker_node b;
};

}  // namespace

TEST_CASE("works: 3,000 parked reads of another core are ended in one turn") {
  works_world f(1, 2, 2);
  std::deque<reading> reads;
  for (int i = 0; i < 3000; ++i) {
    reads.emplace_back(std::vector{f.on_core(1)});
    f.b.brokers[0]->send(reads.back(), base::core_id(1));
  }
  f.b.w.run_for(base::seconds(5));
  for (const reading& r : reads) REQUIRE_FALSE(r.done);
  for (reading& r : reads) f.b.brokers[0]->end_wait(r);
  const auto all_done = [&] { return std::all_of(reads.begin(), reads.end(), [](const reading& r) { return r.done; }); };
  CHECK(f.b.w.run_until(all_done, base::seconds(5)));
}

TEST_CASE("works: parked reads do not hold up what goes the same way") {
  works_world f(2, 2, 2);
  std::deque<reading> reads;
  for (int i = 0; i < 600; ++i) {
    reads.emplace_back(std::vector{f.on_core(1)});
    f.b.brokers[0]->send(reads.back(), base::core_id(1));
  }
  f.append(f.on_core(1), 1, 100);
  for (reading& r : reads) {
    CHECK_FALSE(r.done);
    f.b.brokers[0]->end_wait(r);
  }
  CHECK(f.b.w.run_until([&] { return std::all_of(reads.begin(), reads.end(), [](reading& r) { return r.done; }); },
                        base::seconds(5)));
  for (reading& r : reads) f.release(r);
}

TEST_CASE("works: a read whose wait is ended before it arrives does not wait") {
  works_world f(3, 2, 2);
  std::deque<appending> appends;
  for (int i = 0; i < 300; ++i) appends.emplace_back(f.on_core(1), batch_of(10));
  for (appending& a : appends) f.b.brokers[0]->send(a, base::core_id(1));
  reading r({f.on_core(1)});
  f.b.brokers[0]->send(r, base::core_id(1));
  f.b.brokers[0]->end_wait(r);
  CHECK(f.b.w.run_until([&] { return r.done; }, base::seconds(5)));
  CHECK(f.b.w.run_until([&] { return std::all_of(appends.begin(), appends.end(), [](appending& a) { return a.done; }); },
                        base::seconds(5)));
  f.release(r);
}

TEST_CASE("works: a parked read is answered when its partitions have enough together, not before") {
  works_world f(4, 1, 3);
  std::vector<storage::log_id> ids;
  for (const partition_info& p : f.b.seen().find("t")->partitions) ids.push_back(p.id);
  const size_t batch = batch_of(1000).size();
  reading r(ids);
  r.bytes_min = 4 * batch;
  f.b.brokers[0]->send(r, base::core_id(0));
  for (const size_t i : {size_t{0}, size_t{1}, size_t{2}}) {
    f.append(ids[i], 0, 1000);
    f.b.w.run_for(base::milliseconds(100));
    CHECK_FALSE(r.done);
  }
  f.append(ids[1], 0, 1000);
  REQUIRE(f.b.w.run_until([&] { return r.done; }, base::milliseconds(100)));
  CHECK(r.bytes == 4 * batch);
  CHECK(r.available == 4 * batch);
  CHECK_FALSE(r.at_once);
  f.release(r);
}

TEST_CASE("works: a read of an older segment does not wait, however much it asks for") {
  works_world f(5, 1, 1);
  REQUIRE_FALSE(
      f.b.create({.name = "rolls", .partitions = 1, .assignment = {}, .configs = {{"segment.bytes", "1048576"}}}).error);
  const storage::log_id id = f.b.seen().find("rolls")->partitions[0].id;
  for (int i = 0; i < 3; ++i) f.append(id, 0, 600000);
  reading r({id});
  r.parts[0].bytes_max = 100;
  f.b.brokers[0]->send(r, base::core_id(0));
  REQUIRE(f.b.w.run_until([&] { return r.done; }, base::seconds(5)));
  CHECK(r.at_once);
  CHECK(r.bytes > 0);
  f.release(r);
}

TEST_CASE("works: an append that waits for memory goes on when there is some, whoever gave it back") {
  for (uint64_t seed = 10; seed < 30; ++seed) {
    CAPTURE(seed);
    works_world f(seed, 1, 1);
    const storage::log_id id = f.on_core(0);
    // The log ends with a block, so that none comes back into memory; and nothing is left to be written: no end of a read
    // or a write tells who waits.
    f.append(id, 0, 4000 + 4096 - batch_of(4000).size());
    f.b.brokers[0]->logs().commit_space_wanted();
    f.b.w.run_for(base::seconds(1));
    std::vector<reactor::chunk> lent;
    for (size_t size = 16 << 20; size >= 4096; size /= 2) {
      while (reactor::chunk one = f.b.n.core().memory().allocate(size)) lent.push_back(std::move(one));
    }
    appending a(id, batch_of(200000));
    f.b.brokers[0]->send(a, base::core_id(0));
    f.b.w.run_for(base::milliseconds(seed * 7));
    CHECK_FALSE(a.done);
    lent.clear();  // nobody is told
    REQUIRE(f.b.w.run_until([&] { return a.done; }, base::seconds(1)));
    CHECK_FALSE(a.part.failed);
  }
}

TEST_CASE("partition: an epoch before any append ends where the log does") {
  works_world f(6, 1, 1);
  const partition& p = *f.b.brokers[0]->find(f.on_core(0));
  const base::leader_epoch own = p.epoch();
  const base::leader_epoch older(own.value() - 1);
  const auto nothing = p.end_of_epoch(older);
  CHECK(nothing.epoch == older);
  CHECK(nothing.end == base::offset{0});
  CHECK(p.end_of_epoch(own).end == base::offset{0});
  CHECK(p.end_of_epoch(base::leader_epoch(own.value() + 1)).epoch == base::leader_epoch{-1});
  read_part part;
  part.last_fetched_epoch = older;
  CHECK(p.admit(part));
  CHECK_FALSE(part.diverged);
}

TEST_CASE("works: what waits is counted while it waits, and what was done once") {
  works_world f(4, 1, 2);
  const broker_counters& counted = f.b.brokers[0]->counters();
  const storage::log_id first = f.b.seen().find("t")->partitions[0].id;
  const storage::log_id second = f.b.seen().find("t")->partitions[1].id;
  std::deque<appending> appends;
  // More than the core has memory for.
  for (int i = 0; i < 200; ++i) appends.emplace_back(i % 2 == 0 ? first : second, batch_of(900'000));
  for (appending& a : appends) f.b.brokers[0]->send(a, base::core_id(0));
  const uint64_t waiting = counted.appends_waiting_now;
  CHECK(waiting > 0);
  CHECK(counted.batches_appended + waiting == appends.size());
  // Some go on, the others fail with their topic.
  REQUIRE(f.b.w.run_until([&] { return counted.batches_appended > appends.size() - waiting; }, base::seconds(60)));
  CHECK_FALSE(f.b.remove("t").error);
  REQUIRE(
      f.b.w.run_until([&] { return std::ranges::all_of(appends, [](appending& a) { return a.done; }); }, base::seconds(60)));
  CHECK(counted.appends_waiting_now == 0);
  const auto failed = std::ranges::count_if(appends, [](appending& a) { return a.part.failed; });
  CHECK(failed > 0);
  CHECK(counted.records_appended == counted.batches_appended);
  CHECK(counted.bytes_appended == counted.batches_appended * appends.front().batch.size());

  REQUIRE_FALSE(f.b.create({.name = "u", .partitions = 1, .assignment = {}, .configs = {}}).error);
  reading r({f.b.seen().find("u")->partitions[0].id});
  f.b.brokers[0]->send(r, base::core_id(0));
  CHECK(counted.fetches_parked_now == 1);
  f.b.brokers[0]->end_wait(r);
  CHECK(counted.fetches_parked_now == 0);
  REQUIRE(f.b.w.run_until([&] { return r.done; }, base::seconds(5)));
  CHECK(counted.works_sent == 0);
}

}  // namespace millrace::broker
