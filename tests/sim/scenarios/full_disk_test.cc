#include "story.hh"

/// A disk that fills up, and one that fails.

namespace millrace::swarm {
namespace {

constexpr uint64_t large_disk = uint64_t{16} << 30;

void leave_free(story& f, uint64_t bytes) { f.disk().faults.capacity_bytes = f.disk().used_bytes() + bytes; }

/// Produces until it is refused; the code.
int16_t fill(story& f, const std::string& topic) {
  for (int i = 0; i < 400; ++i) {
    const stored got = f.produce(topic, 0, f.batch(20000));
    if (got.code != none) return got.code;
  }
  return none;
}

}  // namespace

TEST_CASE("full disk: produces are refused by name, the rest is served, and with space it goes on by itself") {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    story f(seed);
    f.start();
    REQUIRE(f.create("t") == none);
    REQUIRE(f.create("u") == none);
    for (int i = 0; i < 5; ++i) f.keep("u", 0, 2000);
    leave_free(f, 200 << 10);
    f.seen.watch.begin_trouble();
    CHECK(fill(f, "t") == kafka_storage_error);
    CHECK(f.produce("t", 0, f.batch(300)).code == kafka_storage_error);
    // What is there is read, to the last acknowledged batch.
    f.audit();
    CHECK(f.fetch("u", 0, 0).batches.size() == 5);
    leave_free(f, 0);
    CHECK(f.create("more") == kafka_storage_error);
    f.disk().faults.capacity_bytes = large_disk;
    f.seen.watch.end_trouble(f.world.now());
    f.world.run_for(base::milliseconds(2500));
    f.goes_on();
    CHECK(f.create("more") == none);
    f.audit();
    if (seed % 2 == 0) {
      f.stop();
    } else {
      f.cut();
    }
    f.start();
    f.audit();
    f.goes_on();
    f.stop();
  }
}

TEST_CASE("full disk: a crash on it loses nothing, and a start that needs space says so") {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    story f(seed);
    f.start();
    REQUIRE(f.create("t") == none);
    leave_free(f, 100 << 10);
    f.seen.watch.begin_trouble();
    CHECK(fill(f, "t") == kafka_storage_error);
    f.cut();
    f.disk().faults.capacity_bytes = f.disk().used_bytes();
    const std::string why = f.start_in_vain();
    CAPTURE(why);
    CHECK(why.find("no_space") != std::string::npos);
    f.disk().faults.capacity_bytes = large_disk;
    f.seen.watch.end_trouble(f.world.now());
    f.start();
    f.audit();
    f.goes_on();
    f.stop();
  }
}

TEST_CASE("a flush that fails: its partition says so and the others go on; a restart has every acknowledged batch") {
  for (const reactor::op_kind flush : {reactor::op_kind::sync, reactor::op_kind::sync_dir}) {
    unsigned refused = 0;
    for (uint64_t seed = 1; seed <= 16; ++seed) {
      CAPTURE(seed);
      CAPTURE(static_cast<int>(flush));
      story f(seed);
      f.start();
      REQUIRE(f.create("t") == none);
      REQUIRE(f.create("u") == none);
      f.disk().add_rule({.kind = flush, .path_part = "/data/t-0", .skip = seed % 4, .count = 1});
      // The commit log comes round several times behind it.
      for (int i = 0; i < 40; ++i) {
        const stored got = f.produce("t", 0, f.batch(50000));
        if (got.code != none) {
          CHECK(got.code == kafka_storage_error);
          ++refused;
        }
        f.keep("u", 0, 12000);
      }
      f.audit();
      f.cut();
      f.disk().clear_rules();
      f.start();
      f.audit();
      f.goes_on();
      f.stop();
    }
    CHECK(refused > 0);
  }
}

TEST_CASE("a flush that fails: while a topic is made, it is refused or there; made again it lasts") {
  unsigned refused = 0;
  for (const reactor::op_kind flush : {reactor::op_kind::sync, reactor::op_kind::sync_dir}) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      CAPTURE(seed);
      CAPTURE(static_cast<int>(flush));
      story f(seed);
      f.start();
      f.disk().add_rule({.kind = flush, .path_part = "/data", .skip = seed % 4, .count = 1});
      int16_t code = f.create("t");
      if (code != none) {
        CHECK(code == kafka_storage_error);
        ++refused;
        code = f.create("t");
      }
      CHECK((code == none || code == topic_already_exists));
      if (code == topic_already_exists) f.seen.add("t", 1);
      for (int i = 0; i < 5; ++i) {
        const stored got = f.produce("t", 0, f.batch(40000));
        CHECK((got.code == none || got.code == kafka_storage_error));
      }
      f.cut(0);
      f.disk().clear_rules();
      f.start();
      f.audit();
      f.goes_on();
      f.stop();
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("a write of the commit log that fails: nothing is acknowledged by it, what was is read, and a restart goes on") {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    story f(seed);
    f.start();
    REQUIRE(f.create("t") == none);
    for (int i = 0; i < 10; ++i) f.keep("t", 0, 3000);
    f.disk().add_rule({.kind = reactor::op_kind::write, .path_part = commit_path, .count = 1});
    for (int i = 0; i < 3; ++i) CHECK(f.produce("t", 0, f.batch(3000)).code == kafka_storage_error);
    CHECK(f.end_of("t", 0) == 10);
    f.audit();
    f.cut();
    f.disk().clear_rules();
    f.start();
    // The batch whose write failed may have arrived all the same; the ones behind it were never written.
    const int64_t end = f.end_of("t", 0);
    CHECK((end == 10 || end == 11));
    f.audit();
    f.goes_on();
    f.stop();
  }
}

}  // namespace millrace::swarm
