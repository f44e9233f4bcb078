#include "story.hh"

/// A disk that fails once, in a flush or in a write of the commit log: what it lost is never believed to be there.

namespace millrace::swarm {

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
      f.outlive_a_cut();
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
      f.outlive_a_cut(0);
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("a flush that fails: while it starts, it says so, and the next start rests on nothing that was lost") {
  unsigned refused = 0;
  for (const reactor::op_kind flush : {reactor::op_kind::sync, reactor::op_kind::sync_dir}) {
    for (uint64_t seed = 1; seed <= 24; ++seed) {
      CAPTURE(seed);
      CAPTURE(static_cast<int>(flush));
      story f(seed);
      f.start();
      REQUIRE(f.create("t", 2) == none);
      for (int i = 0; i < 6; ++i) f.keep("t", i % 2, i == 5 ? 40000 : 1500);
      if (seed % 2 == 0) {
        f.cut();
      } else {
        f.kill();
      }
      // Of the directory in which recovery makes a file, or of any.
      const bool of_partition = seed % 3 == 0;
      f.disk().add_rule({.kind = flush,
                         .path_part = of_partition ? "/data/t-0" : "/data",
                         .skip = of_partition ? 0 : seed / 2 % 6,
                         .count = 1});
      if (!f.try_start()) {
        ++refused;
        f.start();
      }
      for (int i = 0; i < 6; ++i) (void)f.produce("t", i % 2, f.batch(30000));
      f.outlive_a_cut(0);
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
