#include "report/curve.hh"

#include <doctest/doctest.h>

#include <cmath>

using namespace millrace::bench;

TEST_CASE("curve: nothing for no samples") { CHECK(curve_of({}).empty()); }

TEST_CASE("curve: one sample stands in the middle") {
  const auto curve = curve_of({{500, 1}});
  REQUIRE(curve.size() == 2);
  CHECK(curve[0].nines == 0);
  CHECK(curve[0].value == 500);
  CHECK(curve[1].nines == doctest::Approx(std::log10(2)));
}

TEST_CASE("curve: each share of samples finds its value") {
  const auto curve = curve_of({{100, 90000}, {200, 9000}, {300, 900}, {400, 99}, {5000, 1}});
  const double nines[] = {0, 1, 2, 3, 4.824, 5.301};
  const uint64_t values[] = {100, 100, 200, 300, 400, 5000};
  REQUIRE(curve.size() == 6);
  for (size_t i = 0; i < curve.size(); ++i) {
    CAPTURE(i);
    CHECK(curve[i].nines == doctest::Approx(nines[i]).epsilon(0.001));
    CHECK(curve[i].value == values[i]);
  }
}

TEST_CASE("curve: a million cells are few points, with the largest value and never less than a cell had") {
  std::vector<hdr_cell> cells;
  for (uint64_t i = 1; i <= 1000000; ++i) cells.push_back({i, 1});
  const auto curve = curve_of(cells);
  CHECK(curve.size() < 900);
  CHECK(curve.back().value == 1000000);
  for (size_t i = 1; i < curve.size(); ++i) {
    CHECK(curve[i].nines > curve[i - 1].nines);
    const double share = 1 - std::pow(10, -curve[i].nines);
    CHECK(static_cast<double>(curve[i].value) == doctest::Approx(share * 1e6).epsilon(0.001));
  }
}
