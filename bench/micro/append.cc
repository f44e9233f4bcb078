/// Question: what does an append cost the core: the copy into tail memory with the checksum, the
/// stamping and the bookkeeping; and how long does a batch take until it is on stable storage?
///
/// Command: taskset -c 1 build/bench/micro_append --benchmark_repetitions=9
/// --benchmark_report_aggregates_only=true (in a directory on a disk: it makes one of its own in
/// the working directory, and removes it)
///
/// Estimate: append() alone copies the batch at 45-55 GB/s with its CRC and changes a dozen fields
/// of the log: 100 B cost 60-100 ns, 10 KB 250 ns, 100 KB 2 us. Until durable: what the batch waits
/// for is one RWF_DSYNC write of a block or a few, so a device's write latency (20-50 us on NVMe,
/// 50-200 us on a virtual disk) and two turns with a system call each, 5 us. 100 KB take 25 blocks:
/// the bandwidth adds 50 us at 2 GB/s.

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/prng.hh"
#include "reactor/machine.hh"
#include "record/batch_builder.hh"
#include "storage/data_dir.hh"
#include "storage/log_manager.hh"

namespace {

using namespace millrace;

void must(bool good) {
  if (!good) std::abort();
}

struct acknowledged_offset final : storage::log_listener {
  base::offset value{0};
  void on_acknowledged(base::offset o) override { value = o; }
  void on_offline() override { std::abort(); }
};

std::vector<uint8_t> batch_of(size_t bytes) {
  base::prng random(bytes);
  std::vector<uint8_t> value(bytes);
  for (uint8_t& b : value) b = static_cast<uint8_t>(random.next());
  std::vector<uint8_t> made;
  record::batch_builder builder(made, {});
  builder.add({.timestamp = 1700000000000, .value = base::bytes(value)});
  must(builder.finish().ok());
  return made;
}

/// One log on one core, on this machine's disk.
class one_log {
 public:
  one_log() : directory_(made_directory()), solo_(make_solo()), manager_(solo_->on(), options()) {
    must(solo_->run(start(this)).ok());
    log_ = manager_.find(id_);
    log_->listen(&heard_);
  }
  ~one_log() {
    must(solo_->run(manager_.stop()).ok());
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  one_log(const one_log&) = delete;
  one_log& operator=(const one_log&) = delete;

  /// Nothing where memory or the commit log is full.
  base::result<storage::appended> append(const record::batch_view& batch) {
    return log_->append(batch, base::leader_epoch(1), storage::crc_check::compute);
  }
  void wait_for(base::offset next) {
    while (heard_.value < next) solo_->on().turn(base::microseconds(50));
  }
  void wait_for_all() { wait_for(log_->end()); }
  void turn() { solo_->on().turn(base::milliseconds(1)); }

 private:
  static std::string made_directory() {
    std::string name = (std::filesystem::current_path() / "micro-append-XXXXXX").string();
    must(mkdtemp(name.data()) != nullptr);
    return name;
  }
  static std::unique_ptr<reactor::solo> make_solo() {
    auto made = reactor::solo::make(size_t{64} << 20, {.receive_buffers = 16});
    must(made.ok());
    return std::move(*made);
  }
  storage::storage_options options() const {
    storage::storage_options made;
    made.data_dir = directory_ + "/data";
    made.commits.file_bytes = 4096 + (64u << 20);
    return made;
  }
  static reactor::task<base::result<void>> start(one_log* self) {
    CO_TRY_CHECK(co_await storage::claim(self->solo_->on(), self->directory_ + "/data"));
    CO_TRY_CHECK(co_await self->manager_.start({}, base::leader_epoch(1), true));
    std::vector<storage::new_log> logs;
    logs.push_back({self->id_, "append-0", storage::log_config{}});
    const auto made = co_await self->manager_.create(std::move(logs));
    co_return made;
  }

  const std::string directory_;
  const std::unique_ptr<reactor::solo> solo_;
  storage::log_manager manager_;
  const storage::log_id id_{base::uuid::from_random(1, 2), 0};
  storage::log* log_ = nullptr;
  acknowledged_offset heard_;
};

/// append() alone; the groups and the destaging are left out of the time.
void append(benchmark::State& state) {
  one_log log;
  const std::vector<uint8_t> bytes = batch_of(static_cast<size_t>(state.range(0)));
  const auto batch = record::batch_view::frame(bytes);
  const size_t before_a_group = std::max<size_t>(1, (size_t{1} << 20) / bytes.size());
  size_t waiting = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(log.append(*batch).ok());
    if (++waiting < before_a_group) continue;
    state.PauseTiming();
    log.wait_for_all();
    for (int i = 0; i < 20; ++i) log.turn();
    waiting = 0;
    state.ResumeTiming();
  }
  log.wait_for_all();
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}

/// One batch at a time, from append() until it is on stable storage.
void until_durable(benchmark::State& state) {
  one_log log;
  const std::vector<uint8_t> bytes = batch_of(static_cast<size_t>(state.range(0)));
  const auto batch = record::batch_view::frame(bytes);
  for (auto _ : state) {
    auto done = log.append(*batch);
    while (!done) {
      log.turn();
      done = log.append(*batch);
    }
    log.wait_for(done->next);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}

BENCHMARK(append)->ArgName("bytes")->Arg(100)->Arg(10'000)->Arg(100'000);
BENCHMARK(until_durable)->ArgName("bytes")->Arg(100)->Arg(10'000)->Arg(100'000)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
