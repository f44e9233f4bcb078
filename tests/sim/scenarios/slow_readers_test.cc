#include "story.hh"

/// Readers that ask for much and take nothing, on a core with little memory: they hold what they may and no more, and the
/// others do not notice.

namespace millrace::swarm {

TEST_CASE("slow readers: what they hold is bounded, the others are served meanwhile, and all of it comes back") {
  story f(1);
  f.start();
  REQUIRE(f.create("t", 2) == none);
  // As much as the core has memory, so that tails and files are read.
  for (int i = 0; i < 40; ++i) f.keep("t", 0, 400'000);
  const size_t quarter = f.server.node().core().memory().capacity() / 4;
  for (int i = 0; i < 20; ++i) f.read_nothing("t", 0, i * 2, 1 << 20, 40);
  size_t most = 0;
  base::duration longest{};
  const auto serve = [&](int rounds) {
    for (int i = 0; i < rounds; ++i) {
      const base::instant since = f.world.now();
      f.keep("t", 1, 20'000);
      REQUIRE(f.fetch("t", 0, i % 40, 100'000).code == none);
      longest = std::max(longest, f.world.now() - since);
      most = std::max(most, f.server.door_of(0)->held().now().blocks);
      f.world.run_for(base::milliseconds(200));
    }
  };
  serve(20);
  CHECK(most > quarter);
  CHECK(f.server.door_of(0)->counters().refused > 0);
  // Those who took nothing for longest went, until what is left is within the share.
  most = 0;
  serve(10);
  CHECK(most <= quarter);
  CHECK(longest < base::seconds(3));
  f.audit();
  f.goes_on();
  f.stop();
}

}  // namespace millrace::swarm
