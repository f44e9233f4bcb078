#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "record/batch_builder.hh"
#include "record/batch_view.hh"
#include "sim/world.hh"
#include "storage/data_dir.hh"
#include "storage/log_manager.hh"
#include "storage/recovery.hh"

/// Logs in the world, on one core or several: appended to, read, rolled, destaged, removed, crashed and recovered, against
/// a model that remembers every batch and what was acknowledged. log_model.hh compares, this runs.

namespace millrace::storage::test {

using reactor::task;

inline const std::string world_dir = "/data";

/// What one log must hold: each batch as it was stamped, by base offset.
struct model_log : log_listener {
  struct batch {
    std::vector<uint8_t> bytes;
    std::vector<base::unix_ms> times;  ///< of its records, by offset
  };
  log_id id;
  std::string directory;
  std::map<int64_t, batch> batches;  ///< appended
  int64_t end = 0;
  int64_t acknowledged = 0;
  int64_t start = 0;        ///< log start, durable
  int64_t start_asked = 0;  ///< log start, perhaps durable
  bool offline = false;
  bool removing = false;  ///< remove() was called: it may be gone after a crash
  void on_acknowledged(base::offset o) override {
    CHECK(o.value() > acknowledged);
    CHECK(o.value() <= end);
    CHECK(!offline);
    acknowledged = o.value();
  }
  void on_offline() override {
    CHECK(!offline);
    offline = true;
  }
};

struct world_setup {
  uint64_t segment_bytes = 1u << 20;
  uint64_t commit_bytes = 4096 + (1u << 20);
  uint32_t inline_max = 16 << 10;
  unsigned groups_in_flight = commit_log_options{}.groups_in_flight;
  uint32_t index_interval = 4096;
  size_t value_max = 4000;
  size_t big_value = 100 << 10;
  double big_chance = 0.1;
  unsigned logs = 4;
  unsigned cores = 1;
  size_t memory = size_t{32} << 20;
  uint64_t disk_bytes = uint64_t{16} << 30;
  bool ack_from_memory = false;
  base::duration segment_time = base::seconds(7 * 24 * 3600);
  base::duration segment_jitter{};
  bool preallocate = false;
  uint32_t segment_index_bytes = 10 << 20;
  uint64_t pool_bytes = 8 << 20;
  uint64_t pool_least = 16 << 10;
  uint64_t index_bytes_max = 0;
  uint64_t read_ahead_bytes_max = 0;
  uint64_t open_files_max = UINT64_MAX;
  bool splice_reads = false;
  bool compact = false;
  int64_t delete_retention_ms = 86400000;
  int64_t min_compaction_lag_ms = 0;
  int64_t max_compaction_lag_ms = INT64_MAX;
  uint64_t compaction_map_bytes = UINT64_MAX;
  uint64_t compaction_bytes_per_second = 0;
};

class log_world {
 public:
  explicit log_world(uint64_t seed, world_setup o = {});
  ~log_world();

  // ---- life

  log_config config() const;
  /// Recovery and a start on every core; false where `limit` passed first: the node was crashed then.
  [[nodiscard]] bool try_boot(base::duration limit);
  /// Tried again where it fails because the disk does: two short writes on end are a failure.
  void boot() {
    unsigned tries = 0;
    while (!try_boot(base::seconds(3600))) {
      REQUIRE(++tries < 10);
      w.restart(n, setup.cores);
    }
  }
  void crash(sim::crash_options how = {});
  /// After a crash: boots and checks that what was acknowledged is there, and what is there was appended.
  void restart(unsigned cores = 0);
  /// The same with crashes while it boots.
  void restart_with_crashes(unsigned crashes);
  base::result<void> try_stop();
  void stop();
  sim::crash_options random_crash() { return {random.chance(0.3) ? sim::crash_kind::process : sim::crash_kind::power, -1}; }

  // ---- work

  log_manager& manager_of(const model_log& m) { return *managers[m.id.partition % managers.size()]; }
  unsigned core_of(const model_log& m) const { return static_cast<unsigned>(m.id.partition % managers.size()); }
  log* find(const model_log& m) { return manager_of(m).find(m.id); }
  model_log& any_log() { return *logs[random.below(logs.size())]; }
  /// Adds one to the model; the next boot, or create(), makes it.
  model_log& add_model(unsigned number);
  base::result<void> create(model_log& m);
  base::result<void> remove(model_log& m);
  base::result<void> advance(model_log& m, int64_t start);
  /// The model forgets a log.
  void drop(const model_log& m);
  bool any_offline() const {
    return std::any_of(logs.begin(), logs.end(), [](const auto& l) { return l->offline; });
  }
  /// Appends one random batch; the error where it was not taken.
  base::result<void> append(model_log& m);
  base::result<void> append(model_log& m, int32_t records, size_t value_bytes);
  /// So many appends to any logs, with pauses; busy ones are let pass, refused ones counted.
  unsigned run_some(unsigned appends);
  /// Waits until everything appended to logs that are not offline is acknowledged.
  bool settle(base::duration limit = base::seconds(60));
  /// So many appends, a clean stop and a start: everything is in closed segments, and nothing in memory.
  void run_and_restart(unsigned appends) {
    run_some(appends);
    REQUIRE(settle());
    stop();
    restart();
  }

  // ---- checks (log_world_checks.cc)

  base::result<read_result> read(model_log& m, int64_t at, uint32_t bytes_max);
  /// Compares one answer with the model; the offset behind it.
  int64_t check_answer(const model_log& m, const read_result& got, int64_t at);
  /// Reads a log from an offset to its acknowledged end and compares every byte.
  void check_log(model_log& m, int64_t from);
  /// All logs from random offsets on.
  void check_all();
  void check_times(model_log& m, base::unix_ms target);
  void check_max_time(model_log& m);
  std::vector<uint8_t> bytes_of(const read_result& got);

  sim::world w;
  sim::node& n;
  base::prng random;
  world_setup setup;
  std::vector<std::unique_ptr<model_log>> logs;
  std::vector<std::unique_ptr<log_manager>> managers;
  base::leader_epoch start_number{0};
  bool recovered_clean = false;
  base::unix_ms clock = 1000;  ///< of records: mostly ascends

 private:
  struct found_on_disk {
    recovered all;
    base::leader_epoch epoch{0};
  };
  static task<base::result<found_on_disk>> recover_task(log_world* self);
  static task<base::result<void>> start_task(log_world* self, unsigned core, found_on_disk* found);
  static task<base::result<read_result>> read_task(log_manager* from, log_id id, int64_t at, uint32_t bytes_max);
  template <class T>
  std::optional<T> run_or_crash(unsigned core, task<T> work, base::duration limit);
  void adopt_recovered();
};

template <class T>
std::optional<T> log_world::run_or_crash(unsigned core, task<T> work, base::duration limit) {
  auto running = w.start(n, core, std::move(work));
  if (w.run_until([&] { return running->done(); }, limit)) return running->take();
  w.crash(n, random_crash());
  for (auto& m : managers) m->abandon();
  running.reset();
  managers.clear();
  return std::nullopt;
}

/// Seeds of a test: `count` from `first` on, or the one that MILLRACE_SEED names.
std::vector<uint64_t> seeds(uint64_t first, uint64_t count);

/// A batch of random values with the given times.
std::vector<uint8_t> make_world_batch(base::prng& random, const std::vector<base::unix_ms>& times, size_t value_bytes);

}  // namespace millrace::storage::test
