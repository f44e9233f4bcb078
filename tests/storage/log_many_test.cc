#include "log_world.hh"

/// What logs cost that are many, and that are empty.

namespace millrace::storage::test {
namespace {

std::vector<std::string> names_in(log_world& f, const model_log& m) {
  std::vector<std::string> names;
  const auto entries = f.n.core().effects().list(world_dir + "/" + m.directory);
  REQUIRE(entries);
  for (const reactor::directory_entry& e : *entries) names.push_back(e.name);
  return names;
}

TEST_CASE("log many: an empty log costs its directory with its metadata, and no memory of the core") {
  log_world f(7000, {.logs = 1});
  f.boot();
  const size_t used = f.n.core().memory().used();
  for (unsigned i = 1; i <= 200; ++i) REQUIRE(f.create(f.add_model(i)));
  f.w.run_for(base::seconds(1));
  CHECK(f.n.core().memory().used() == used);
  f.stop();
  f.restart();
  CHECK(f.recovered_clean);
  CHECK(f.n.core().memory().used() == used);
  for (const auto& l : f.logs) CHECK(names_in(f, *l) == std::vector<std::string>{"partition.metadata"});
}

TEST_CASE("log many: a clean start reads no segment") {
  log_world f(7100, {.segment_bytes = 128 << 10});
  f.boot();
  f.run_some(200);
  REQUIRE(f.settle());
  f.stop();
  f.n.disk().add_rule({.kind = reactor::op_kind::read, .path_part = "/00000000000000000"});
  f.n.disk().add_rule({.kind = reactor::op_kind::open, .path_part = "/00000000000000000"});
  f.restart();
  CHECK(f.recovered_clean);
  f.w.run_for(base::seconds(1));
  CHECK(!f.any_offline());
  f.n.disk().clear_rules();
  f.check_all();
}

TEST_CASE("log many: a stop parks many logs at a time") {
  log_world f(7200, {.commit_bytes = 4096 + (16 << 20), .big_chance = 0, .logs = 500});
  f.boot();
  for (auto& l : f.logs) REQUIRE(f.append(*l, 1, 100));
  REQUIRE(f.settle());
  for (const reactor::op_kind kind : {reactor::op_kind::sync, reactor::op_kind::sync_dir, reactor::op_kind::write}) {
    f.n.disk().add_rule({.kind = kind, .error = 0, .delay = base::milliseconds(1)});
  }
  const base::instant begin = f.w.now();
  f.stop();
  // Each has about five syncs and two writes to wait for.
  CHECK(f.w.now() - begin < base::milliseconds(1000));
  f.n.disk().clear_rules();
  f.restart();
  CHECK(f.recovered_clean);
  f.check_all();
}

TEST_CASE("log many: ten thousand logs are made, started, and started again after a kill") {
  constexpr unsigned count = 10000;
  log_world f(7300, {.big_chance = 0, .logs = 0, .memory = 64 << 20});
  f.boot();
  std::vector<new_log> all;
  for (unsigned i = 0; i < count; ++i) {
    model_log& m = f.add_model(i);
    all.push_back({m.id, m.directory, f.config()});
  }
  REQUIRE(f.w.run(f.n, 0, f.managers[0]->create(std::move(all))));
  for (auto& l : f.logs) f.find(*l)->listen(l.get());
  for (unsigned i = 0; i < count; i += 97) REQUIRE(f.append(*f.logs[i], 1, 100));
  REQUIRE(f.settle());
  f.crash({sim::crash_kind::process, -1});
  const base::instant killed = f.w.now();
  f.restart();
  CHECK(f.w.now() - killed < base::seconds(10));
  for (unsigned i = 0; i < count; i += 97) CHECK(f.find(*f.logs[i])->end().value() == f.logs[i]->end);
  const base::instant stopping = f.w.now();
  f.stop();
  CHECK(f.w.now() - stopping < base::seconds(10));
  f.restart();
  CHECK(f.recovered_clean);
  for (unsigned i = 0; i < count; i += 970) f.check_log(*f.logs[i], 0);
}

}  // namespace
}  // namespace millrace::storage::test
