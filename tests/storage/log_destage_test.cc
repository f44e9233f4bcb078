#include <cerrno>

#include "log_world.hh"
#include "storage/layout.hh"

/// What goes on behind the answers: segments that are closed, passes that share the disk, checkpoints that are shared.

namespace millrace::storage::test {
namespace {

std::string path_of(const model_log& m, const std::string& name) { return world_dir + "/" + m.directory + "/" + name; }

TEST_CASE("log destage: a segment that ended is cut and indexed without waiting for the commit log") {
  log_world f(8000, {.segment_bytes = 50 << 10, .commit_bytes = 4096 + (64 << 20), .big_chance = 0, .logs = 2});
  f.boot();
  model_log& m = *f.logs[0];
  for (int i = 0; i < 6; ++i) {
    REQUIRE(f.append(m, 1, 9000));
    REQUIRE(f.settle());
    f.w.run_for(base::milliseconds(20));
  }
  REQUIRE(f.managers[0]->counters().rolls == 1);
  uint64_t bytes = 0;
  for (const auto& [at, b] : m.batches) {
    if (at < 5) bytes += b.bytes.size();
  }
  const auto size = f.n.core().effects().size_of(path_of(m, layout::log_file(base::offset(0))));
  REQUIRE(size);
  CHECK(*size == bytes);
  CHECK(f.n.disk().exists(path_of(m, layout::index_file(base::offset(0)))));
  CHECK(f.n.disk().exists(path_of(m, layout::time_index_file(base::offset(0)))));
  f.check_all();
  f.crash();
  f.restart();
  f.check_all();
}

TEST_CASE("log destage: a pass has a few large writes in flight, not all it has to write") {
  log_world f(8100, {.segment_bytes = 16 << 20,
                     .commit_bytes = 4096 + (64 << 20),
                     .inline_max = 64 << 10,
                     .big_chance = 0,
                     .logs = 40,
                     .memory = 64 << 20});
  f.boot();
  for (int i = 0; i < 4; ++i) {
    for (auto& l : f.logs) REQUIRE(f.append(*l, 1, 50000));
    REQUIRE(f.settle());
  }
  f.n.disk().add_rule({.kind = reactor::op_kind::write, .path_part = "/topic-", .error = 0, .delay = base::milliseconds(5)});
  const uint64_t before = f.managers[0]->counters().checkpoints;
  f.managers[0]->commit_space_wanted();
  uint64_t most = 0;
  REQUIRE(f.w.run_until(
      [&] {
        most = std::max(most, f.managers[0]->counters().writing_bytes);
        return f.managers[0]->counters().checkpoints > before;
      },
      base::seconds(30)));
  CHECK(most > 2 << 20);
  CHECK(most < 5 << 20);
  f.n.disk().clear_rules();
  f.check_all();
}

TEST_CASE("log destage: who asks for a checkpoint at the same time shares one") {
  log_world f(8200, {.big_chance = 0, .logs = 60});
  f.boot();
  for (auto& l : f.logs) {
    REQUIRE(f.append(*l, 1, 100));
    REQUIRE(f.append(*l, 1, 100));
  }
  REQUIRE(f.settle());
  const uint64_t before = f.managers[0]->counters().checkpoints;
  std::vector<std::unique_ptr<sim::started<base::result<void>>>> all;
  for (auto& l : f.logs) {
    l->start_asked = 1;
    all.push_back(f.w.start(f.n, 0, f.managers[0]->advance_log_start(l->id, base::offset(1))));
  }
  for (auto& one : all) {
    REQUIRE(f.w.run_until([&] { return one->done(); }, base::seconds(10)));
    CHECK(one->take());
  }
  for (auto& l : f.logs) l->start = 1;
  CHECK(f.managers[0]->counters().checkpoints <= before + 3);
  all.clear();
  f.crash();
  f.restart();
  f.check_all();
}

TEST_CASE("log destage: epochs below log start are one that begins there") {
  log_world f(8300, {.big_chance = 0, .logs = 1});
  f.boot();
  model_log& m = *f.logs[0];
  for (int i = 0; i < 4; ++i) {
    REQUIRE(f.append(m, 1, 4026));  // ends with a block, or does not: the tail may have to be read first
    REQUIRE(f.settle());
    f.stop();
    f.restart();
    while (!f.append(m, 1, 100)) f.w.run_for(base::milliseconds(1));
    REQUIRE(f.settle());
    f.w.run_for(base::milliseconds(1));
    if (i == 2) REQUIRE(f.advance(m, m.end));
  }
  const auto& epochs = f.find(m)->epochs();
  REQUIRE(epochs.size() == 2);
  CHECK(epochs[0].first.value() == m.start);
  CHECK(epochs[1].epoch == f.start_number);
}

TEST_CASE("log destage: where a pass or a checkpoint finds no space, appends are refused until there is some") {
  struct row {
    reactor::op_kind kind;
    const char* path;
  };
  for (const row& r : {row{reactor::op_kind::open, "/topic-"}, row{reactor::op_kind::write, ".checkpoint"},
                       row{reactor::op_kind::open, ".index"}}) {
    CAPTURE(r.path);
    log_world f(8400, {.segment_bytes = 40 << 10, .commit_bytes = 4096 + (256 << 10), .value_max = 1000, .big_chance = 0});
    f.boot();
    f.n.disk().add_rule({.kind = r.kind, .path_part = r.path, .error = ENOSPC});
    unsigned refused = 0;
    for (int i = 0; i < 100 && refused == 0; ++i) {
      refused = f.run_some(30);
      f.w.run_for(base::milliseconds(20));
    }
    CHECK(refused > 0);
    CHECK(!f.any_offline());
    f.n.disk().clear_rules();
    f.w.run_for(base::milliseconds(3500));
    CHECK(f.run_some(50) == 0);
    CHECK(f.settle());
    f.check_all();
    f.stop();
    f.restart();
    CHECK(f.recovered_clean);
    f.check_all();
  }
}

}  // namespace
}  // namespace millrace::storage::test
