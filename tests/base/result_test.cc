#include "base/result.hh"

#include <doctest/doctest.h>

#include <cerrno>
#include <memory>
#include <set>
#include <string>

using namespace millrace::base;

namespace {

result<int> half(int n) {
  if (n % 2 != 0) return fail(errc::invalid_argument, n, 7);
  return n / 2;
}
result<int> quarter(int n) {
  TRY(const int once, half(n));
  TRY(const int twice, half(once));
  return twice;
}
result<void> only_even(int n) {
  TRY_CHECK(half(n));
  return {};
}

}  // namespace

TEST_CASE("result: a value passes and a failure returns early with all it says") {
  CHECK(quarter(8).value() == 2);
  CHECK(quarter(6).error() == error{errc::invalid_argument, 7, 3});
  CHECK(only_even(2).ok());
  CHECK(only_even(5).error().detail == 5);
}

TEST_CASE("result: moves values that cannot be copied") {
  result<std::unique_ptr<int>> made = std::make_unique<int>(5);
  const std::unique_ptr<int> taken = std::move(made).value();
  CHECK(*taken == 5);
}

TEST_CASE("result: every code has a name of its own") {
  std::set<std::string> names;
  const auto last = static_cast<uint16_t>(errc::refused);
  for (uint16_t code = 1; code <= last; ++code) names.insert(name_of(static_cast<errc>(code)));
  CHECK(names.size() == last);
  CHECK(names.count("unknown") == 0);
  CHECK(std::string(name_of(static_cast<errc>(last + 1))) == "unknown");
}

TEST_CASE("result: an errno becomes the code that its caller can act on") {
  struct row {
    int number;
    errc want;
  };
  const row rows[] = {{ENOSPC, errc::no_space}, {EDQUOT, errc::no_space},    {ENOENT, errc::not_found},
                      {EEXIST, errc::exists},   {ECANCELED, errc::canceled}, {EIO, errc::io},
                      {EBADF, errc::io},        {EMFILE, errc::busy},        {ENFILE, errc::busy}};
  for (const row& r : rows) {
    const result<void> failed = fail_errno(r.number);
    CHECK(failed.error().code == r.want);
    CHECK(failed.error().detail == r.number);
  }
}
