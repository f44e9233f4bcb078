#include <doctest/doctest.h>

#include <algorithm>

#include "workload/shrink.hh"

/// Shrinking, with runs that only say how they would have ended.

namespace millrace::swarm {
namespace {

/// A run with everything in it.
run_options large() {
  run_options o;
  o.cores_most = 3;
  o.producers = 4;
  o.consumers = 3;
  o.session_consumers = 2;
  o.topics = 4;
  o.partitions_most = 5;
  o.requests = 200;
  o.in_flight = 6;
  o.crowd = 100;
  o.big = 0.1;
  o.codecs = o.unacknowledged = o.retries = o.idempotent = o.remakes = o.deletes = o.retention = true;
  o.groups.count = 2;
  o.compaction.topics = 0.5;
  o.faults = {.power_cuts = true,
              .kills = true,
              .stops = true,
              .resets = true,
              .partitions = true,
              .slow_disk = true,
              .disk_full = true,
              .pauses = true,
              .wall_jumps = true,
              .io_errors = true,
              .gap_most = base::milliseconds(100)};
  o.faults.aimed_cuts = o.faults.half_open = o.faults.damage = true;
  o.world.network.reset = 0.01;
  o.flush = {.from_memory = 0.5, .preallocate = 0.5};
  return o;
}

run_options with_less(const overrides& o) {
  run_options small = large();
  apply(o, small);
  return small;
}

}  // namespace

TEST_CASE("shrink: what a failure needs stays, and everything else goes") {
  for (const std::string& kind : kinds()) CHECK(has_kind(large(), kind));
  const auto attempt = [](const overrides& with) -> std::string {
    const run_options o = with_less(with);
    const bool needed = o.faults.kills && o.retries && o.producers >= 2 && o.requests >= 37 && o.in_flight >= 6;
    return needed ? "acked_is_kept" : "";
  };
  const shrunk s = shrink(large(), {}, "acked_is_kept", attempt);
  CHECK(attempt(s.with) == "acked_is_kept");
  const run_options small = with_less(s.with);
  for (const std::string& kind : kinds()) CHECK(has_kind(small, kind) == (kind == "kills" || kind == "retries"));
  CHECK(small.producers == 2);
  CHECK(small.requests == 37);
  CHECK(small.in_flight == 6);
  CHECK(small.consumers == 1);
  CHECK(small.cores_most == 1);
  CHECK(small.topics == 1);
  CHECK(small.partitions_most == 1);
  CHECK(value_of(small, smaller::seconds) == 1);
  CHECK(s.tries < 100);
}

TEST_CASE("shrink: a run that fails with another checker is another failure, and is not kept") {
  const auto attempt = [](const overrides& with) -> std::string {
    return with_less(with).consumers > 1 ? "progress" : "reads_stable";
  };
  const shrunk s = shrink(large(), {}, "progress", attempt);
  CHECK(with_less(s.with).consumers == 2);
}

TEST_CASE("shrink: what can go only after something else has gone, goes in another round") {
  const auto attempt = [](const overrides& with) -> std::string {
    const run_options o = with_less(with);
    return !o.faults.power_cuts && o.producers > 1 ? "" : "progress";
  };
  const shrunk s = shrink(large(), {}, "progress", attempt);
  CHECK(!with_less(s.with).faults.any());
  CHECK(with_less(s.with).producers == 1);
}

TEST_CASE("shrink: it begins with what was taken away before, and stops where it may try no more") {
  unsigned tries = 0;
  const auto attempt = [&](const overrides& with) -> std::string {
    ++tries;
    CHECK(!with_less(with).faults.kills);
    return "progress";
  };
  const shrunk s = shrink(large(), {.without = {"kills"}, .numbers = {}}, "progress", attempt, 5);
  CHECK(tries == 5);
  CHECK(s.tries == 5);
  CHECK(std::count(s.with.without.begin(), s.with.without.end(), "kills") == 1);
}

TEST_CASE("shrink: the words of a smaller run are read back as the same") {
  overrides o{.without = {"kills", "codecs"}, .numbers = {}};
  o.number(smaller::steps) = 40;
  o.number(smaller::seconds) = 2;
  CHECK(words_of(o) == " --without=kills,codecs --steps=40 --seconds=2");
  overrides again;
  CHECK(read_override("--without", "kills,codecs", again));
  CHECK(read_override("--steps", "40", again));
  CHECK(read_override("--seconds", "2", again));
  CHECK(words_of(again) == words_of(o));
  for (const char* bad : {"kils", "kills,", ",kills"}) {
    overrides none;
    CHECK(read_override("--without", bad, none) == (std::string_view(bad) == "kills,"));
  }
  for (const char* bad : {"", "0", "-1", "4x", "99999999999999999999"}) CHECK(!read_override("--steps", bad, again));
  CHECK(!read_override("--step", "4", again));
  CHECK(!read_override("steps", "4", again));
}

TEST_CASE("shrink: numbers make a run smaller and never larger") {
  overrides o;
  o.number(smaller::steps) = 100000;
  o.number(smaller::producers) = 1;
  CHECK(with_less(o).requests == 200);
  CHECK(with_less(o).producers == 1);
}

}  // namespace millrace::swarm
