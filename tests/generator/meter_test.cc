#include <doctest/doctest.h>

#include "generator/control.hh"
#include "generator/meter.hh"

namespace millrace::generator {
namespace {

TEST_CASE("meter: latency counts from the intended time, whenever the answer comes") {
  const window measured{.begin = {1000}, .end = {2000}};
  meter m(measured);
  const std::vector<int64_t> before{900, 950};
  const std::vector<int64_t> within{1500, 1500, 1600};
  const std::vector<int64_t> last{1990};
  m.answered({1100}, before, 10);  // in the window by its answer only
  m.answered({1700}, within, 20);
  m.answered({9000}, last, 30);  // by its intended time only: the wait is charged
  CHECK(m.sum.produced.records == 5);
  CHECK(m.sum.produced.requests == 2);
  CHECK(m.sum.produced.bytes == 30);
  CHECK(m.sum.produce_latency.count() == 4);
  CHECK(m.sum.produce_latency.min() == 100);
  CHECK(m.sum.produce_latency.percentile(50) == 200);
  CHECK(m.sum.produce_latency.percentile(99) >= 7010);
  CHECK(m.now.produced.records == 5);  // what comes behind the window is in no second of it
  CHECK(m.now.produce_latency.count() == 5);
}

TEST_CASE("meter: what failed is an error, and is charged for as long as it waited") {
  const window measured{.begin = {1000}, .end = {2000}};
  meter m(measured);
  const std::vector<int64_t> two{1200, 1300};
  m.failed({51300}, two);
  CHECK(m.sum.produced.errors == 2);
  CHECK(m.sum.produced.records == 0);
  CHECK(m.sum.produce_latency.min() >= 49900);
  const std::vector<int64_t> early{900};
  m.failed({950}, early);
  CHECK(m.sum.produced.errors == 2);
  CHECK(m.sum.failed == 3);  // a failure outside the window is one too
}

TEST_CASE("meter: a window that is cut ends there, in its seconds too") {
  window measured{.begin = {1000}, .end = {2000}};
  meter m(measured);
  m.fetched({1400}, {10}, 5, 50);
  measured.cut_ns.store(1500);
  m.fetched({1600}, {10}, 7, 70);
  CHECK(m.sum.consumed.records == 5);
  CHECK(m.now.consumed.records == 5);
  CHECK(m.now.fetch_latency.count() == 1);
}

TEST_CASE("seconds: one ends where the window begins, whatever the warm-up") {
  const settings s;
  for (const int64_t warmup_ms : {0, 500, 1000, 2250}) {
    CAPTURE(warmup_ms);
    control run(s);
    const base::instant begin{5'000'000'123};
    run.begin_ns.store(begin.ns);
    run.measured.begin = begin + base::milliseconds(warmup_ms);
    CHECK(run.second_end(0) > begin);
    CHECK(run.second_end(0) <= begin + base::seconds(1));
    CHECK((run.second_end(7) - run.measured.begin).ns % 1'000'000'000 == 0);
    CHECK(run.second_end(1) - run.second_end(0) == base::seconds(1));
  }
}

TEST_CASE("intervals: a second is shown when all cores have handed it in") {
  interval_box box;
  interval part;
  part.produced.records = 5;
  interval got;
  box.put(0, part);
  CHECK(!box.take(0, 2, got));
  box.put(1, part);
  box.put(0, part);
  REQUIRE(box.take(0, 2, got));
  CHECK(got.produced.records == 10);
  CHECK(!box.take(0, 2, got));  // once
}

}  // namespace
}  // namespace millrace::generator
