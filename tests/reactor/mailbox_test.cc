#include "reactor/mailbox.hh"

#include "reactor/scope.hh"
#include "support.hh"

namespace millrace::reactor {
namespace {

task<void> take_one(mailbox& box, int& taken) {
  const base::core_id target(0);
  while (!box.try_take(target)) co_await box.returned(target);
  ++taken;
}

TEST_CASE("mailbox: lends 256 credits for a core, then waits until one comes back") {
  auto world = test::one_core();
  core& on = world->on();
  mailbox box(on);
  const base::core_id target(0);
  for (size_t i = 0; i < base::works_outstanding_max; ++i) REQUIRE(box.try_take(target));
  CHECK_FALSE(box.try_take(target));
  CHECK(box.outstanding(target) == base::works_outstanding_max);
  int taken = 0;
  scope tasks(on);
  for (int i = 0; i < 3; ++i) tasks.spawn(take_one(box, taken));
  on.turn(base::duration{});
  CHECK(taken == 0);
  box.give_back(target);
  on.turn(base::duration{});
  CHECK(taken == 1);
  box.give_back(target);
  box.give_back(target);
  on.turn(base::duration{});
  CHECK(taken == 3);
  CHECK(tasks.running() == 0);
}

}  // namespace
}  // namespace millrace::reactor
