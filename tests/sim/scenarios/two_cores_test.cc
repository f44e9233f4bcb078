#include "story.hh"

/// A client whose connection is on one core, with all partitions on the other: nothing tells, and a crash asks nobody
/// where a partition lived.

namespace millrace::swarm {

TEST_CASE("two cores: all partitions on the other core than the connection, through crashes and on other cores after") {
  unsigned apart = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    story f(seed);
    const unsigned owner = seed % 2;
    for (int32_t p = 0; p < 3; ++p) f.server.pin("t", p, owner);
    f.start(2);
    REQUIRE(f.create("t", 3) == none);
    if (f.server.door_of(1 - owner)->connections() == 1) ++apart;
    int64_t offset = 0;
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 10; ++i, ++offset) {
        for (int32_t p = 0; p < 3; ++p) {
          CHECK(f.keep("t", p, p == 2 ? 40'000 : 2000) == offset);
          CHECK(f.fetch("t", p, offset).batches.size() == 1);
        }
      }
      CHECK(f.server.storage_now(owner).group_logs > 0);
      CHECK(f.server.storage_now(1 - owner).group_logs == 0);
      const story::offer& cut_off = f.send("t", 0, f.batch(3000));
      f.world.run_for(base::microseconds(static_cast<int64_t>(50 * seed)));
      (void)cut_off;
      if (seed % 4 < 2) {
        f.cut();
      } else {
        f.kill();
      }
      if (round == 1) {
        // A core less: what the other core's commit log holds is found all the same.
        f.start(1);
        f.audit();
        f.cut();
      }
      f.start(2);
      const int64_t end = f.end_of("t", 0);
      CHECK((end == offset || end == offset + 1));
      if (end == offset) f.keep("t", 0, 300);
      for (int32_t p = 1; p < 3; ++p) CHECK(f.keep("t", p, 300) == offset);
      ++offset;
      f.audit();
    }
    f.stop();
    f.start(1);
    f.audit();
    f.goes_on();
    f.stop();
  }
  CHECK(apart >= 2);
}

}  // namespace millrace::swarm
