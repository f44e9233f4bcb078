#include "log_world.hh"

/// Tails in memory that runs out: what may leave, what must not, and what comes back.

namespace millrace::storage::test {
namespace {

/// Waits until the log is wholly in its segments.
void destage(log_world& f) {
  const uint64_t before = f.managers[0]->counters().checkpoints;
  f.managers[0]->commit_space_wanted();
  REQUIRE(f.w.run_until([&] { return f.managers[0]->counters().checkpoints > before; }, base::seconds(10)));
}

base::result<void> append_bad(log_world& f, model_log& m, size_t value_bytes) {
  std::vector<uint8_t> bad = make_world_batch(f.random, {f.clock}, value_bytes);
  bad[bad.size() - 1] ^= 1;
  const auto done = f.find(m)->append(*record::batch_view::frame(bad), f.start_number, crc_check::compute);
  if (!done) return done.failure();
  return {};
}

void append_patiently(log_world& f, model_log& m, size_t value_bytes) {
  base::result<void> done = f.append(m, 1, value_bytes);
  for (int i = 0; i < 1000 && !done; ++i) {
    REQUIRE(done.error().code == base::errc::busy);
    f.w.run_for(base::milliseconds(1));
    done = f.append(m, 1, value_bytes);
  }
  REQUIRE(done);
}

task<void> wait_for_room(log_manager* from) { co_await from->room().wait(); }

/// Lends all memory there is.
std::vector<reactor::chunk> take_all_memory(log_world& f) {
  std::vector<reactor::chunk> lent;
  for (size_t size = 16 << 20; size >= 4096; size /= 2) {
    while (reactor::chunk one = f.n.core().memory().allocate(size)) lent.push_back(std::move(one));
  }
  return lent;
}

void check_after_restarts(log_world& f) {
  REQUIRE(f.settle());
  f.check_log(*f.logs[0], 0);
  f.crash({sim::crash_kind::process, -1});
  f.restart();
  f.check_log(*f.logs[0], 0);
  f.stop();
  f.restart();
  f.check_log(*f.logs[0], 0);
}

TEST_CASE("log memory: a refused batch leaves no memory behind, and the tail that left comes back") {
  for (const size_t refused : {size_t{100}, size_t{5000}, size_t{200000}}) {
    CAPTURE(refused);
    log_world f(5000, {.logs = 1});
    f.boot();
    model_log& m = *f.logs[0];
    REQUIRE(f.append(m, 1, 1000));
    REQUIRE(f.settle());
    const size_t held = f.managers[0]->tails().bytes;
    CHECK(append_bad(f, m, refused).error().code == base::errc::corrupt);
    CHECK(f.managers[0]->tails().bytes == held);
    destage(f);
    f.managers[0]->make_room(1);
    CHECK(f.managers[0]->tails().bytes == 0);
    CHECK(f.append(m, 1, 100).error().code == base::errc::busy);
    append_patiently(f, m, 3000);
    append_patiently(f, m, 100);
    check_after_restarts(f);
  }
}

TEST_CASE("log memory: an append that makes room out of its own tail waits for the tail") {
  log_world f(5100, {.logs = 1});
  f.boot();
  model_log& m = *f.logs[0];
  REQUIRE(f.append(m, 1, 5000));
  REQUIRE(f.settle());
  destage(f);
  // All other memory is lent: only this log's own blocks can be had.
  std::vector<reactor::chunk> lent = take_all_memory(f);
  CHECK(f.append(m, 1, 8000).error().code == base::errc::busy);
  lent.clear();
  append_patiently(f, m, 8000);
  check_after_restarts(f);
}

TEST_CASE("log memory: waiting appends are woken when memory comes back") {
  log_world f(5200, {.logs = 1});
  f.boot();
  model_log& m = *f.logs[0];
  REQUIRE(f.append(m, 1, 5000));
  REQUIRE(f.settle());
  std::vector<reactor::chunk> lent = take_all_memory(f);
  bool done = false;
  for (int i = 0; i < 50 && !done; ++i) {
    if (i == 20) lent.clear();
    done = f.append(m, 1, 100000).ok();
    CHECK(done == (i >= 20));
    if (done) break;
    auto waiting = f.w.start(f.n, 0, wait_for_room(f.managers[0].get()));
    REQUIRE(f.w.run_until([&] { return waiting->done(); }, base::seconds(5)));
  }
  check_after_restarts(f);
}

TEST_CASE("log memory: who waits only after all was looked through is woken by memory that comes back") {
  log_world f(5220, {.logs = 1});
  f.boot();
  model_log& m = *f.logs[0];
  REQUIRE(f.append(m, 1, 5000));
  REQUIRE(f.settle());
  std::vector<reactor::chunk> lent = take_all_memory(f);
  CHECK(f.append(m, 1, 100000).error().code == base::errc::busy);
  f.w.run_for(base::milliseconds(100));
  auto waiting = f.w.start(f.n, 0, wait_for_room(f.managers[0].get()));
  f.w.run_for(base::milliseconds(1));
  lent.clear();
  CHECK(f.w.run_until([&] { return waiting->done(); }, base::seconds(5)));
  // Nobody waits any more: the core sleeps.
  f.w.run_for(base::seconds(2));
  const uint64_t turns = f.w.turns();
  f.w.run_for(base::seconds(5));
  CHECK(f.w.turns() - turns < 10);
  append_patiently(f, m, 100000);
  check_after_restarts(f);
}

TEST_CASE("log memory: a group starts with what memory there is") {
  for (const size_t value : {size_t{61000}, size_t{63000}, size_t{65000}}) {
    log_world f(5230, {.commit_bytes = 4096 + (16 << 20), .inline_max = 64 << 10, .logs = 1});
    f.boot();
    model_log& m = *f.logs[0];
    REQUIRE(f.append(m, 1, value));
    std::vector<reactor::chunk> lent = take_all_memory(f);
    CHECK(f.settle());
    lent.clear();
    check_after_restarts(f);
  }
}

TEST_CASE("log memory: a reader that holds old bytes pins those, and not what comes behind them") {
  log_world f(5240, {.segment_bytes = 4 << 20, .logs = 1, .memory = 16 << 20});
  f.boot();
  model_log& m = *f.logs[0];
  append_patiently(f, m, 50000);
  REQUIRE(f.settle());
  std::vector<slice> held;
  const auto plan = f.find(m)->plan_read(base::offset(0), 1 << 20, true);
  REQUIRE(plan);
  REQUIRE(f.find(m)->collect(*plan, [&](slice s) { held.push_back(std::move(s)); }));
  const std::vector<uint8_t> before(held[0].data, held[0].data + held[0].size);
  for (int i = 0; i < 400; ++i) append_patiently(f, m, 100000);
  const uint64_t pinned = f.managers[0]->counters().pinned_bytes;
  CHECK(pinned > 0);
  CHECK(pinned <= 320 << 10);
  CHECK(std::equal(before.begin(), before.end(), held[0].data));
  held.clear();
  CHECK(f.managers[0]->counters().pinned_bytes == 0);
  check_after_restarts(f);
}

TEST_CASE("log memory: memory full of small tails is destaged and lent again") {
  log_world f(5250, {.commit_bytes = 4096 + (64 << 20), .big_chance = 0, .logs = 600, .memory = 16 << 20});
  f.boot();
  // Less of each log than is written eagerly, and less in all than would start a pass for the commit log's sake.
  for (int i = 0; i < 20; ++i) {
    for (auto& l : f.logs) {
      base::result<void> done = f.append(*l, 1, 3500);
      for (int tries = 0; !done && tries < 1000; ++tries) {
        f.w.run_for(base::milliseconds(1));
        done = f.append(*l, 1, 3500);
      }
      REQUIRE(done);
    }
  }
  REQUIRE(f.settle());
  f.check_all();
}

TEST_CASE("log memory: a log that goes offline or runs out of space wakes who waits") {
  log_world f(5300, {.logs = 1});
  f.boot();
  model_log& m = *f.logs[0];
  auto first = f.w.start(f.n, 0, wait_for_room(f.managers[0].get()));
  f.w.run_for(base::milliseconds(1));
  f.managers[0]->no_space(*f.find(m));
  REQUIRE(f.w.run_until([&] { return first->done(); }, base::milliseconds(100)));
  CHECK(f.append(m, 1, 10).error().code == base::errc::no_space);
  f.w.run_for(base::milliseconds(1500));
  CHECK(f.append(m, 1, 10));
  REQUIRE(f.settle());
  auto second = f.w.start(f.n, 0, wait_for_room(f.managers[0].get()));
  f.w.run_for(base::milliseconds(1));
  f.managers[0]->take_offline(*f.find(m), "the test says so");
  REQUIRE(f.w.run_until([&] { return second->done(); }, base::milliseconds(100)));
  CHECK(f.append(m, 1, 10).error().code == base::errc::storage);
}

}  // namespace
}  // namespace millrace::storage::test
