#include "log_world.hh"
#include "storage/layout.hh"

/// Logs that are removed while something of their files is being sent: nobody waits for the peer but the file itself.

namespace millrace::storage::test {
namespace {

world_setup pinned_setup() {
  return {.segment_bytes = 100 << 10,
          .big_chance = 0,
          .logs = 2,
          .memory = 16 << 20,
          .pool_least = 16 << 10,
          .splice_reads = true};
}

using held_answer = std::optional<base::result<read_result>>;

/// Base offsets of a log's closed segments, of those of which a file is there.
std::vector<int64_t> closed_segments(log_world& f, const model_log& m) {
  std::vector<int64_t> bases;
  const auto files = f.n.backend().list(world_dir + "/" + m.directory);
  REQUIRE(files);
  for (const auto& e : *files) {
    if (const auto base = layout::parse_log_file(e.name)) bases.push_back(base->value());
  }
  REQUIRE(bases.size() > 2);
  bases.pop_back();
  return bases;
}

/// A log of several closed segments, of which all was read once: answers are ranges of files from here on.
model_log& make_verified(log_world& f) {
  f.boot();
  f.run_and_restart(200);
  model_log& m = *f.logs[0];
  // From each segment's begin, as hold() will.
  for (const int64_t base : closed_segments(f, m)) {
    REQUIRE(f.read(m, base, 70'000));
  }
  return m;
}

held_answer hold(log_world& f, model_log& m, int64_t at) {
  held_answer held(f.read(m, at, 70'000));
  REQUIRE(*held);
  REQUIRE((*held)->slices.front().file);
  return held;
}

/// What is left of removed logs: their directories, and how many segments are in them.
struct leftovers {
  size_t directories = 0;
  size_t segments = 0;
};
leftovers left_of_removed(log_world& f) {
  leftovers found;
  const auto names = f.n.backend().list(world_dir);
  REQUIRE(names);
  for (const auto& e : *names) {
    if (!layout::is_deleted_directory(e.name)) continue;
    ++found.directories;
    const auto files = f.n.backend().list(world_dir + "/" + e.name);
    REQUIRE(files);
    found.segments += static_cast<size_t>(
        std::ranges::count_if(*files, [](const auto& file) { return layout::parse_log_file(file.name).has_value(); }));
  }
  return found;
}

TEST_CASE("pinned: a removal does not wait for who takes nothing, and only the file that is sent from stays until he goes") {
  log_world f(1, pinned_setup());
  model_log& m = make_verified(f);
  const std::string directory = m.directory;
  held_answer first = hold(f, m, 0);
  held_answer last = hold(f, m, 0);
  held_answer other = hold(f, m, closed_segments(f, m).back());
  const std::vector<uint8_t> before = f.bytes_of(**first);
  const base::instant asked = f.w.now();
  REQUIRE(f.remove(m));
  CHECK(f.w.now() - asked < base::milliseconds(500));
  CHECK(f.find(m) == nullptr);
  f.drop(m);
  f.w.run_for(base::seconds(2));
  CHECK(left_of_removed(f).directories == 1);
  CHECK(left_of_removed(f).segments == 2);
  // Its name is free for another one.
  model_log& again = f.add_model(7);
  again.directory = directory;
  REQUIRE(f.create(again));
  REQUIRE(f.append(again));
  REQUIRE(f.settle());
  CHECK(f.bytes_of(**first) == before);
  other.reset();
  f.w.run_for(base::seconds(2));
  CHECK(left_of_removed(f).segments == 1);
  first.reset();
  f.w.run_for(base::seconds(2));
  CHECK(f.bytes_of(**last) == before);
  CHECK(left_of_removed(f).segments == 1);
  last.reset();
  f.w.run_for(base::seconds(2));
  CHECK(left_of_removed(f).directories == 0);
  const uint64_t open = f.manager_of(*f.logs[0]).counters().open_files;
  CHECK(open <= 2);
  f.stop();
  f.restart();
  f.check_all();
}

TEST_CASE("pinned: a stop goes on when the sending has ended, and the next start removes what is left") {
  log_world f(2, pinned_setup());
  model_log& m = make_verified(f);
  held_answer held = hold(f, m, 0);
  REQUIRE(f.remove(m));
  f.drop(m);
  f.w.run_for(base::seconds(1));
  auto stopping = f.w.start(f.n, 0, f.managers[0]->stop());
  f.w.run_for(base::seconds(2));
  CHECK_FALSE(stopping->done());
  held.reset();
  REQUIRE(f.w.run_until([&] { return stopping->done(); }, base::seconds(1)));
  CHECK(stopping->take());
  stopping.reset();
  f.managers.clear();
  f.w.crash(f.n, {sim::crash_kind::power, -1});
  f.restart();
  CHECK(left_of_removed(f).directories == 0);
  f.check_all();
}

TEST_CASE("pinned: removals fail, senders end and the node crashes at any time, and the log is gone or as it was") {
  for (const uint64_t seed : seeds(100, 60)) {
    CAPTURE(seed);
    log_world f(seed, pinned_setup());
    model_log& m = make_verified(f);
    std::vector<held_answer> held;
    for (int i = 0; i < 3; ++i) held.push_back(hold(f, m, i == 0 ? 0 : closed_segments(f, m).back()));
    if (f.random.chance(0.4)) {
      f.n.disk().add_rule({.kind = f.random.chance(0.5) ? reactor::op_kind::rename : reactor::op_kind::sync_dir,
                           .skip = f.random.below(2),
                           .count = 1 + f.random.below(3)});
    }
    m.removing = true;
    auto removing = f.w.start(f.n, 0, f.manager_of(m).remove({m.id}));
    bool crashes = false;
    while (!held.empty() && !crashes) {
      f.w.run_for(base::microseconds(static_cast<int64_t>(f.random.below(f.random.chance(0.5) ? 300 : 2'000'000))));
      crashes = f.random.chance(0.15);
      if (!crashes) held.erase(held.begin() + static_cast<ptrdiff_t>(f.random.below(held.size())));
    }
    f.w.run_for(base::microseconds(static_cast<int64_t>(f.random.below(2000))));
    f.n.disk().clear_rules();
    if (crashes || f.random.chance(0.3)) {
      f.w.crash(f.n, f.random_crash());
      f.managers[0]->abandon();
      held.clear();
      removing.reset();
      f.managers.clear();
      f.restart();
    } else {
      REQUIRE(f.w.run_until([&] { return removing->done(); }, base::seconds(10)));
      f.w.run_for(base::seconds(5));
      CHECK(f.find(m) == nullptr);
      f.drop(m);
      // Where the first try failed, the next start finds what the directory is called.
      f.stop();
      f.restart();
    }
    CHECK(left_of_removed(f).directories == 0);
    f.check_all();
  }
}

}  // namespace
}  // namespace millrace::storage::test
