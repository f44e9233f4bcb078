#include "story.hh"

/// A disk that fills up.

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

TEST_CASE("full disk: space that a crash took from below a segment's end is asked for again, not found missing by a write") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    story f(seed);
    f.start();
    REQUIRE(f.create("t") == none);
    for (int i = 0; i < 3; ++i) f.keep("t", 0, 70000);  // and space ahead of them, which nobody flushed
    f.cut(0.5);
    f.start();
    leave_free(f, 8192);
    f.seen.watch.begin_trouble();
    CHECK(fill(f, "t") == kafka_storage_error);
    f.disk().faults.capacity_bytes = large_disk;
    f.seen.watch.end_trouble(f.world.now());
    f.world.run_for(base::milliseconds(2500));
    f.goes_on();
    f.stop();
  }
}

}  // namespace millrace::swarm
