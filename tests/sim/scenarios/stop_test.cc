#include "story.hh"

/// A stop that is asked for after the n-th operation of a start, for every n: between its steps, while it recovers, and
/// while directories of deleted topics are still being removed behind it.

namespace millrace::swarm {
namespace {

/// What there is to recover and to remove; false where the start was over, and all of it removed, before so many operations.
bool stop_after(uint64_t steps) {
  CAPTURE(steps);
  story f(31);
  f.start(2);
  REQUIRE(f.create("t", 2) == none);
  REQUIRE(f.create("gone", 4) == none);
  for (int32_t p = 0; p < 4; ++p) f.keep("gone", p, 500);
  for (int32_t p = 0; p < 2; ++p) f.keep("t", p, 3000);
  REQUIRE(f.remove("gone") == none);
  steps % 2 == 0 ? f.kill() : f.cut();
  // Slowly, so that they are still there long after the start.
  f.disk().add_rule({.kind = reactor::op_kind::remove, .path_part = "/gone", .error = 0, .delay = base::milliseconds(20)});
  f.server.start(2);
  const uint64_t first = f.operations();
  const auto far = [&] { return f.operations() >= first + steps; };
  REQUIRE(f.run_until([&] { return far() || f.server.state() != server_state::starting; }));
  const bool within = far() || f.world.run_until(far, base::seconds(1));
  f.server.stop();
  REQUIRE(f.run_until([&] { return f.server.state() != server_state::stopping; }));
  CHECK(f.server.problem() == "");
  REQUIRE(f.server.state() == server_state::stopped);
  CHECK(f.server.leave() == 0);
  f.start(1 + static_cast<unsigned>(steps % 2));
  f.audit();
  f.goes_on();
  f.stop();
  return within;
}

}  // namespace

TEST_CASE("a stop: asked for at any step of a start") {
  uint64_t steps = 0;
  while (stop_after(steps)) ++steps;
  CHECK(steps > 40);
}

}  // namespace millrace::swarm
