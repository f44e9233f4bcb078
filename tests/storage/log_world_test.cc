#include <doctest/doctest.h>

#include <map>
#include <memory>

#include "record/batch_builder.hh"
#include "record/batch_view.hh"
#include "sim/world.hh"
#include "storage/data_dir.hh"
#include "storage/log_manager.hh"
#include "storage/recovery.hh"

/// Logs in the world: appended to, read, rolled, destaged, crashed and recovered, against a model that remembers every
/// batch and what was acknowledged.

namespace millrace::storage {
namespace {

using reactor::task;

const std::string data_dir = "/data";

std::vector<uint8_t> make_batch(base::prng& random, int32_t records, size_t value_bytes) {
  std::vector<uint8_t> bytes;
  record::batch_builder builder(bytes, {.base_timestamp = 1000});
  std::vector<uint8_t> value(value_bytes);
  for (int32_t i = 0; i < records; ++i) {
    random.fill(value);
    builder.add({.timestamp = 1000 + i, .value = base::bytes(value)});
  }
  REQUIRE(builder.finish());
  return bytes;
}

/// What one log must hold: each batch as it was stamped, by base offset.
struct model_log : log_listener {
  log_id id;
  std::string directory;
  std::map<int64_t, std::vector<uint8_t>> batches;  ///< appended
  int64_t end = 0;
  int64_t acknowledged = 0;
  bool offline = false;
  void on_acknowledged(base::offset o) override { acknowledged = o.value(); }
  void on_offline() override { offline = true; }
};

struct options {
  uint64_t segment_bytes = 1u << 20;
  uint64_t commit_bytes = 4096 + (1u << 20);
  uint32_t inline_max = 16 << 10;
  size_t value_max = 4000;
  size_t big_value = 100 << 10;
  unsigned logs = 4;
};

class fixture {
 public:
  explicit fixture(uint64_t seed, options o = {}) : w(seed), n(w.add_node()), random(w.stream("test")), opt(o) {
    for (unsigned i = 0; i < opt.logs; ++i) {
      auto l = std::make_unique<model_log>();
      l->id = {base::uuid::from_random(i + 1, 7), 0};
      l->directory = "topic" + std::to_string(i) + "-0";
      logs.push_back(std::move(l));
    }
  }
  ~fixture() {
    if (manager) crash();
  }

  log_config config() const {
    log_config c;
    c.segment_bytes = opt.segment_bytes;
    return c;
  }

  task<base::result<void>> boot() {
    reactor::core& on = n.core();
    CO_TRY_CHECK(co_await claim(on, data_dir));
    auto found = co_await recover(on, data_dir);
    if (!found) co_return found.failure();
    auto epoch = co_await raise_start_number(on, data_dir, found->start_number);
    if (!epoch) co_return epoch.failure();
    recovered_clean = found->clean;
    std::vector<log_manager::taken> taken;
    for (log_state& s : found->logs) taken.push_back({std::move(s), config()});
    manager = std::make_unique<log_manager>(
        on, storage_options{data_dir, {opt.commit_bytes, opt.inline_max, 2}});
    CO_TRY_CHECK(co_await manager->start(std::move(taken), *epoch, found->clean));
    CO_TRY_CHECK(co_await retire(on, data_dir, found->superseded));
    std::vector<new_log> fresh;
    for (auto& l : logs) {
      if (manager->find(l->id) == nullptr) fresh.push_back({l->id, l->directory, config()});
    }
    CO_TRY_CHECK(co_await manager->create(std::move(fresh)));
    start_number = *epoch;
    for (auto& l : logs) manager->find(l->id)->listen(l.get());
    co_return base::result<void>();
  }

  void start() {
    const auto booted = w.run(n, 0, boot());
    REQUIRE(booted);
  }

  /// Appends one random batch to a random log; false where it has to wait.
  bool append_one() {
    model_log& m = *logs[random.below(logs.size())];
    const bool big = random.chance(0.1);
    const size_t value = big ? random.below(opt.big_value) : random.below(opt.value_max);
    std::vector<uint8_t> bytes = make_batch(random, static_cast<int32_t>(1 + random.below(4)), value);
    const auto view = record::batch_view::frame(bytes);
    const auto done = manager->find(m.id)->append(*view, start_number, crc_check::compute);
    if (!done) {
      CHECK(done.error().code == base::errc::busy);
      return false;
    }
    CHECK(done->first.value() == m.end);
    record::stamp(bytes.data(), done->first, start_number);
    m.end = done->next.value();
    m.batches[done->first.value()] = std::move(bytes);
    return true;
  }

  task<base::result<read_result>> read_at(log_id id, base::offset at, uint32_t bytes_max) {
    const auto plan = manager->find(id)->plan_read(at, bytes_max, true);
    if (!plan) co_return plan.failure();
    const read_plan steps = *plan;
    auto got = co_await manager->reader().read(id, steps);
    co_return got;
  }

  /// Reads a log from a random place to its acknowledged end and compares every byte.
  void check_log(model_log& m, int64_t from) {
    int64_t at = from;
    while (at < m.acknowledged) {
      const uint32_t bytes_max = static_cast<uint32_t>(1 + random.below(300000));
      const auto got = w.run(n, 0, read_at(m.id, base::offset(at), bytes_max));
      REQUIRE(got);
      REQUIRE(got->bytes > 0);
      std::vector<uint8_t> whole;
      for (const slice& s : got->slices) whole.insert(whole.end(), s.data, s.data + s.size);
      REQUIRE(whole.size() == got->bytes);
      record::batch_iterator batches(whole);
      while (!batches.done()) {
        const auto b = batches.next();
        REQUIRE(b);
        const auto expected = m.batches.find(b->base_offset().value());
        REQUIRE(expected != m.batches.end());
        REQUIRE(b->size() == expected->second.size());
        REQUIRE(std::memcmp(b->data().data(), expected->second.data(), b->size()) == 0);
        REQUIRE(b->base_offset().value() <= std::max(at, b->base_offset().value()));
        REQUIRE(b->next_offset().value() > at);
        at = b->next_offset().value();
      }
    }
  }

  void check_all() {
    for (auto& l : logs) check_log(*l, l->acknowledged > 0 ? static_cast<int64_t>(random.below(l->acknowledged)) : 0);
  }

  bool settle() {
    return w.run_until(
        [&] {
          for (auto& l : logs) {
            if (l->acknowledged < l->end) return false;
          }
          return true;
        },
        base::seconds(60));
  }

  void crash(sim::crash_options how = {}) {
    w.crash(n, how);
    manager->abandon();
    manager.reset();
  }

  /// After a restart: what was acknowledged is there, and what is there is what was appended, without a gap.
  void adopt_recovered() {
    for (auto& l : logs) {
      const log& found = *manager->find(l->id);
      CHECK(found.end().value() >= l->acknowledged);
      CHECK(found.end().value() <= l->end);
      l->batches.erase(l->batches.lower_bound(found.end().value()), l->batches.end());
      l->end = l->acknowledged = found.end().value();
    }
  }

  void restart() {
    w.restart(n, 1);
    start();
    adopt_recovered();
  }

  void stop() {
    const auto stopped = w.run(n, 0, manager->stop());
    REQUIRE(stopped);
    manager.reset();
    w.crash(n, {sim::crash_kind::power, -1});
  }

  sim::world w;
  sim::node& n;
  base::prng random;
  options opt;
  std::vector<std::unique_ptr<model_log>> logs;
  std::unique_ptr<log_manager> manager;
  base::leader_epoch start_number{0};
  bool recovered_clean = false;
};

void run_some(fixture& f, unsigned appends) {
  for (unsigned i = 0; i < appends; ++i) {
    if (!f.append_one() || f.random.chance(0.3)) f.w.run_for(base::microseconds(static_cast<int64_t>(f.random.below(400))));
  }
}

TEST_CASE("log: what is appended is acknowledged and read back") {
  fixture f(1);
  f.start();
  run_some(f, 50);
  CHECK(f.settle());
  f.check_all();
}

TEST_CASE("log: many laps of the commit log and rolls of segments lose nothing") {
  fixture f(2);
  f.start();
  for (int round = 0; round < 10; ++round) {
    run_some(f, 100);
    CHECK(f.settle());
    f.check_all();
  }
  CHECK(f.manager->counters().checkpoints > 2);
  CHECK(f.manager->counters().rolls > 2);
}

TEST_CASE("log: a clean stop needs no redo and keeps everything") {
  fixture f(3);
  f.start();
  for (int round = 0; round < 4; ++round) {
    run_some(f, 60);
    CHECK(f.settle());
    f.stop();
    f.restart();
    CHECK(f.recovered_clean);
    f.check_all();
  }
}

TEST_CASE("log: power cuts at any moment keep what was acknowledged") {
  for (uint64_t seed = 100; seed < 160; ++seed) {
    CAPTURE(seed);
    fixture f(seed);
    f.start();
    for (int round = 0; round < 4; ++round) {
      run_some(f, 40);
      f.crash({f.random.chance(0.3) ? sim::crash_kind::process : sim::crash_kind::power, -1});
      f.restart();
      f.check_all();
    }
  }
}

}  // namespace
}  // namespace millrace::storage
