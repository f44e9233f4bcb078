#include "reactor/spin.hh"

#include "support.hh"

namespace millrace::reactor {
namespace {

TEST_CASE("spin: begins with nothing, grows to its bound while it finds work, and shrinks to nothing") {
  spin_length spin(base::microseconds(200));
  CHECK(spin.now().ns == 0);
  spin.found_work();
  CHECK(spin.now().ns == 0);
  spin.woken_after(base::milliseconds(5));
  CHECK(spin.now().ns == 0);
  spin.woken_after(base::microseconds(50));
  CHECK(spin.now() > base::duration{});
  for (int i = 0; i < 10; ++i) spin.found_work();
  CHECK(spin.now() == base::microseconds(200));
  spin.found_nothing();
  CHECK(spin.now() == base::microseconds(100));
  for (int i = 0; i < 10; ++i) spin.found_nothing();
  CHECK(spin.now().ns == 0);
}

TEST_CASE("spin: a bound of nothing never spins") {
  spin_length spin(base::duration{});
  spin.woken_after(base::duration{});
  spin.found_work();
  CHECK(spin.now().ns == 0);
}

}  // namespace
}  // namespace millrace::reactor
