#include "log_world.hh"

#include <cstdio>
#include <cstdlib>

namespace millrace::storage::test {

std::vector<uint8_t> make_world_batch(base::prng& random, const std::vector<base::unix_ms>& times, size_t value_bytes) {
  std::vector<uint8_t> bytes;
  record::batch_builder builder(bytes, {});
  std::vector<uint8_t> value(value_bytes);
  for (const base::unix_ms t : times) {
    random.fill(value);
    builder.add({.timestamp = t, .value = base::bytes(value)});
  }
  REQUIRE(builder.finish());
  return bytes;
}

std::vector<uint64_t> seeds(uint64_t first, uint64_t count) {
  if (const char* one = std::getenv("MILLRACE_SEED")) return {std::strtoull(one, nullptr, 10)};
  std::vector<uint64_t> all;
  for (uint64_t i = 0; i < count; ++i) all.push_back(first + i);
  return all;
}

namespace {
sim::world_options options_of(const world_setup& o) {
  sim::world_options w;
  w.core_memory_bytes = o.memory;
  w.disk.capacity_bytes = o.disk_bytes;
  // MILLRACE_TEST_LOG=1 shows what the logs of a failing seed say.
  if (std::getenv("MILLRACE_TEST_LOG") != nullptr) {
    w.log_level = base::log_level::info;
    w.log_sink = [](void*, std::string_view line) {
      std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
    };
  }
  return w;
}
}  // namespace

log_world::log_world(uint64_t seed, world_setup o)
    : w(seed, options_of(o)), n(w.add_node(o.cores)), random(w.stream("test")), setup(o) {
  for (unsigned i = 0; i < setup.logs; ++i) add_model(i);
}

log_world::~log_world() {
  if (!managers.empty()) crash();
}

model_log& log_world::add_model(unsigned number) {
  auto l = std::make_unique<model_log>();
  l->id = {base::uuid::from_random(random.next(), 7), static_cast<int32_t>(number)};
  l->directory = "topic-" + std::to_string(number);
  logs.push_back(std::move(l));
  return *logs.back();
}

log_config log_world::config() const {
  log_config c;
  c.segment_bytes = setup.segment_bytes;
  c.index_interval_bytes = setup.index_interval;
  c.acknowledge_from_memory = setup.ack_from_memory;
  c.segment_ms = setup.segment_time;
  c.segment_jitter = setup.segment_jitter;
  c.preallocate = setup.preallocate;
  c.segment_index_bytes = setup.segment_index_bytes;
  c.compact = setup.compact;
  c.delete_retention_ms = setup.delete_retention_ms;
  c.min_compaction_lag_ms = setup.min_compaction_lag_ms;
  c.max_compaction_lag_ms = setup.max_compaction_lag_ms;
  return c;
}

// ---- life

task<base::result<log_world::found_on_disk>> log_world::recover_task(log_world* self) {
  reactor::core& on = self->n.core();
  CO_TRY_CHECK(co_await claim(on, world_dir));
  auto all = co_await recover(on, world_dir);
  if (!all) co_return all.failure();
  auto epoch = co_await raise_start_number(on, world_dir, all->start_number);
  if (!epoch) co_return epoch.failure();
  co_return found_on_disk{std::move(*all), *epoch};
}

task<base::result<void>> log_world::start_task(log_world* self, unsigned core, found_on_disk* found) {
  std::vector<log_manager::taken> taken;
  for (log_state& s : found->all.logs) {
    if (s.id.partition % self->setup.cores == core) taken.push_back({std::move(s), self->config()});
  }
  auto started = co_await self->managers[core]->start(std::move(taken), found->epoch, found->all.clean);
  co_return started;
}

bool log_world::try_boot(base::duration limit) {
  const base::instant end = w.now() + limit;
  auto found = run_or_crash(0, recover_task(this), limit);
  if (!found) return false;
  if (!*found && (*found).error().code == base::errc::io && n.disk().faults.short_write > 0) {
    crash(random_crash());
    return false;
  }
  if (!*found) MESSAGE("recovery: error ", static_cast<int>(found->error().code));
  REQUIRE(*found);
  recovered_clean = (*found)->all.clean;
  start_number = (*found)->epoch;
  for (unsigned core = 0; core < setup.cores; ++core) {
    managers.push_back(std::make_unique<log_manager>(
        n.core(core),
        storage_options{world_dir,
                        {setup.commit_bytes, setup.inline_max, setup.groups_in_flight},
                        {setup.pool_bytes, setup.pool_least},
                        setup.index_bytes_max,
                        setup.read_ahead_bytes_max,
                        setup.open_files_max,
                        setup.splice_reads,
                        {setup.compaction_map_bytes, {.bytes_per_second = setup.compaction_bytes_per_second}}}));
  }
  for (unsigned core = 0; core < setup.cores; ++core) {
    const auto started = run_or_crash(core, start_task(this, core, &**found), end - w.now());
    if (!started) return false;
    if (!*started && (*started).error().code == base::errc::io && n.disk().faults.short_write > 0) {
      crash(random_crash());
      return false;
    }
    REQUIRE(*started);
  }
  const auto retired = run_or_crash(0, retire(n.core(), world_dir, (*found)->all.superseded), end - w.now());
  if (!retired) return false;
  REQUIRE(*retired);
  auto deleted = w.start(n, 0, remove_deleted(n.core(), world_dir, (*found)->all.deleted));
  w.run_until([&] { return deleted->done(); }, base::seconds(60));
  adopt_recovered();
  for (auto& l : logs) {
    if (find(*l) == nullptr) REQUIRE(create(*l));
    find(*l)->listen(l.get());
  }
  return true;
}

void log_world::crash(sim::crash_options how) {
  w.crash(n, how);
  for (auto& m : managers) m->abandon();
  managers.clear();
}

/// What was acknowledged is there, and what is there is what was appended, without a gap.
void log_world::adopt_recovered() {
  for (size_t i = 0; i < logs.size();) {
    model_log& l = *logs[i];
    const log* found = find(l);
    l.offline = false;
    if (found == nullptr) {
      const bool may_be_gone = l.removing || l.acknowledged == 0;
      CHECK(may_be_gone);
      if (l.removing) {
        logs.erase(logs.begin() + static_cast<ptrdiff_t>(i));
        continue;
      }
      l.end = 0;
      l.batches.clear();
    } else {
      l.removing = false;
      if (!setup.ack_from_memory) CHECK(found->end().value() >= l.acknowledged);
      CHECK(found->end().value() <= l.end);
      CHECK(found->log_start().value() >= l.start);
      CHECK(found->log_start().value() <= l.start_asked);
      l.batches.erase(l.batches.lower_bound(found->end().value()), l.batches.end());
      l.start = l.start_asked = found->log_start().value();
      l.end = l.acknowledged = found->end().value();
    }
    ++i;
  }
}

void log_world::restart(unsigned cores) {
  if (cores > 0) setup.cores = cores;
  w.restart(n, setup.cores);
  boot();
}

void log_world::restart_with_crashes(unsigned crashes) {
  for (unsigned i = 0; i < crashes; ++i) {
    w.restart(n, setup.cores);
    if (try_boot(base::microseconds(static_cast<int64_t>(random.below(random.chance(0.5) ? 2000 : 30000)))))
      crash(random_crash());
  }
  restart();
}

base::result<void> log_world::try_stop() {
  base::result<void> outcome;
  for (unsigned core = 0; core < managers.size(); ++core) {
    const auto stopped = w.run(n, core, managers[core]->stop());
    if (!stopped) outcome = stopped;
  }
  managers.clear();
  w.crash(n, {sim::crash_kind::power, -1});
  return outcome;
}

void log_world::stop() { REQUIRE(try_stop()); }

// ---- work

base::result<void> log_world::create(model_log& m) {
  std::vector<new_log> one;
  one.push_back({m.id, m.directory, config()});
  m.end = m.acknowledged = m.start = m.start_asked = 0;
  const auto made = w.run(n, core_of(m), manager_of(m).create(std::move(one)));
  if (made) find(m)->listen(&m);
  return made;
}

base::result<void> log_world::remove(model_log& m) {
  m.removing = true;
  std::vector<log_id> one{m.id};
  return w.run(n, core_of(m), manager_of(m).remove(std::move(one)));
}

base::result<void> log_world::advance(model_log& m, int64_t start) {
  m.start_asked = std::max(m.start_asked, start);
  const auto done = w.run(n, core_of(m), manager_of(m).advance_log_start(m.id, base::offset(start)));
  if (done) m.start = std::max(m.start, start);
  // What can leave has left, also what is closed first; what is read stays.
  (void)w.run_until([&] { return !manager_of(m).trimming(); }, base::milliseconds(1500));
  return done;
}

void log_world::drop(const model_log& m) {
  for (size_t i = 0; i < logs.size(); ++i) {
    if (logs[i].get() != &m) continue;
    logs.erase(logs.begin() + static_cast<ptrdiff_t>(i));
    return;
  }
}

base::result<void> log_world::append(model_log& m) {
  const bool big = random.chance(setup.big_chance);
  const size_t value = big ? random.below(setup.big_value) : random.below(setup.value_max);
  return append(m, static_cast<int32_t>(1 + random.below(4)), value);
}

base::result<void> log_world::append(model_log& m, int32_t records, size_t value_bytes) {
  std::vector<base::unix_ms> times;
  for (int32_t i = 0; i < records; ++i) {
    clock += static_cast<int64_t>(random.below(20));
    times.push_back(random.chance(0.1) ? clock - static_cast<int64_t>(random.below(900)) : clock);
  }
  std::vector<uint8_t> bytes = make_world_batch(random, times, value_bytes);
  const auto view = record::batch_view::frame(bytes);
  const auto done = find(m)->append(*view, start_number, crc_check::compute);
  if (!done) return done.failure();
  CHECK(done->first.value() == m.end);
  record::stamp(bytes.data(), done->first, start_number);
  m.end = done->next.value();
  m.batches[done->first.value()] = {std::move(bytes), std::move(times)};
  return {};
}

unsigned log_world::run_some(unsigned appends) {
  unsigned refused = 0;
  for (unsigned i = 0; i < appends; ++i) {
    model_log& m = any_log();
    const auto done = append(m);
    if (!done && done.error().code != base::errc::busy) {
      ++refused;
      const bool known =
          done.error().code == base::errc::no_space || (done.error().code == base::errc::storage && m.offline);
      CHECK(known);
    }
    if (!done || random.chance(0.3)) w.run_for(base::microseconds(static_cast<int64_t>(random.below(400))));
  }
  return refused;
}

bool log_world::settle(base::duration limit) {
  return w.run_until(
      [&] {
        for (auto& l : logs) {
          if (!l->offline && l->acknowledged < l->end) return false;
        }
        return true;
      },
      limit);
}

}  // namespace millrace::storage::test
