#include "checkers/prefix_is_kept.hh"

#include <doctest/doctest.h>

namespace millrace::swarm {
namespace {

base::instant at_second(int64_t s) { return {base::seconds(s).ns}; }

/// Ten offsets are acknowledged at second 1; a process ends at `ends`, and the next one finds `end`.
findings after(bool stopped, base::instant ends, int64_t end, const progress& watch = {}) {
  findings out;
  prefix_is_kept p;
  p.turn_on();
  p.acknowledged(at_second(1), 10);
  p.process_ended(stopped, ends, watch);
  p.found(out, "t-0", 2, end);
  return out;
}

}  // namespace

TEST_CASE("prefix_is_kept: what was acknowledged last may be lost, and what was a while ago may not") {
  CHECK_FALSE(after(false, at_second(1) + base::milliseconds(5), 0).any());
  CHECK(after(false, at_second(3), 9).any());
  CHECK_FALSE(after(false, at_second(3), 10).any());
}

TEST_CASE("prefix_is_kept: trouble meanwhile excuses a crash, and no clean stop") {
  progress troubled;
  troubled.disturbed(at_second(2));
  CHECK_FALSE(after(false, at_second(4), 0, troubled).any());
  CHECK(after(true, at_second(1), 9, troubled).any());
  CHECK_FALSE(after(true, at_second(1), 10, troubled).any());
}

TEST_CASE("prefix_is_kept: what one start found the next ones find") {
  findings out;
  prefix_is_kept p;
  p.turn_on();
  p.found(out, "t-0", 2, 7);
  p.process_ended(false, at_second(1), {});
  p.found(out, "t-0", 3, 7);
  CHECK_FALSE(out.any());
  p.found(out, "t-0", 4, 6);
  CHECK(out.any());
}

TEST_CASE("prefix_is_kept: an answer of an earlier process counts up to where a later start began") {
  findings out;
  prefix_is_kept p;
  p.turn_on();
  CHECK(p.limit(1) == INT64_MAX);
  p.found(out, "t-0", 2, 7);
  p.found(out, "t-0", 3, 9);
  CHECK(p.limit(1) == 7);
  CHECK(p.limit(2) == 9);
  CHECK(p.limit(3) == INT64_MAX);
  // One that is read only now says nothing of the process that runs.
  p.acknowledged(at_second(1), 8);
  p.found(out, "t-0", 4, 9);
  CHECK_FALSE(out.any());
}

}  // namespace millrace::swarm
