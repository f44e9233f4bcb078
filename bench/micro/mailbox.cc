/// Question: what does a message of 32 bytes from one core to another cost, there and back and in
/// runs?
///
/// Command: build/bench/micro_mailbox --benchmark_repetitions=9
/// --benchmark_report_aggregates_only=true
///
/// It pins itself, the sender to CPU 0 and the receiver to CPU 1, and needs both.
///
/// Estimate: a message moves two cache lines (the cell and the producer's position), and a core
/// that reads a line just written by another waits 40-60 ns inside one chiplet: 80-100 ns one way,
/// 160-250 ns there and back. In runs the position's line moves once for many messages and cells
/// come 2 to a line: 5-10 ns a message. On one core, without any transfer, 1-2 ns.
///
/// Measured (guest of 2 CPUs on an AMD EPYC (Zen 5), kernel 6.18, clang 16, other work beside it):
/// 4.6 ns on one core, since 32 bytes go through the store buffer; 1,000 ns there and back, which
/// is three transfers of some 150 ns each way where two of 50 were assumed; in runs 57 ns a message
/// where the receiver always looks and so takes the position's line away after every push, 18 ns
/// where it looks once in a while, as a reactor does once a turn.

#include <benchmark/benchmark.h>
#include <immintrin.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <thread>

#include "base/spsc_ring.hh"
#include "common/machine.hh"

namespace {

using namespace millrace;

struct message {
  uint64_t words[4];
};
using ring = base::spsc_ring<message>;
constexpr size_t capacity = 1024;
constexpr size_t run_size = 64;

void same_core(benchmark::State& state) {
  ring box(capacity);
  message m{};
  for (auto _ : state) {
    benchmark::DoNotOptimize(box.try_push(m));
    benchmark::DoNotOptimize(box.try_pop(m));
  }
}

/// Another thread, on CPU 1, that takes messages until it is destroyed, calls `each` for every run
/// that it got, and pauses so many times (28 ns each) after a look that did not bring a full run.
template <class Each>
class receiver {
 public:
  receiver(ring& inbox, int64_t pauses, Each each)
      : thread_([this, &inbox, pauses, each] {
          bench::pin(1);
          std::array<message, run_size> run;
          while (!stop_.load(std::memory_order_relaxed)) {
            const size_t count = inbox.pop_many(run.data(), run.size());
            if (count > 0) each(run.data(), count);
            for (int64_t i = 0; count < run_size && i < pauses; ++i) _mm_pause();
          }
        }) {
    bench::pin(0);
  }
  ~receiver() {
    stop_.store(true, std::memory_order_relaxed);
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

void there_and_back(benchmark::State& state) {
  ring out(capacity);
  ring back(capacity);
  receiver echo(out, 0, [&back](const message* run, size_t count) {
    for (size_t i = 0; i < count; ++i)
      while (!back.try_push(run[i])) _mm_pause();
  });
  message m{};
  for (auto _ : state) {
    while (!out.try_push(m)) _mm_pause();
    while (!back.try_pop(m)) _mm_pause();
  }
}

void in_runs(benchmark::State& state) {
  ring out(capacity);
  std::atomic<uint64_t> sum{0};
  receiver sink(out, state.range(0), [&sum](const message* run, size_t count) {
    uint64_t part = 0;
    for (size_t i = 0; i < count; ++i) part += run[i].words[0];
    sum.store(sum.load(std::memory_order_relaxed) + part, std::memory_order_relaxed);
  });
  const message m{{1, 0, 0, 0}};
  uint64_t sent = 0;
  for (auto _ : state) {
    for (size_t i = 0; i < run_size; ++i, ++sent)
      while (!out.try_push(m)) _mm_pause();
  }
  while (sum.load(std::memory_order_relaxed) < sent) _mm_pause();
  state.SetItemsProcessed(static_cast<int64_t>(sent));
}

BENCHMARK(same_core);
BENCHMARK(there_and_back)->UseRealTime();
BENCHMARK(in_runs)->ArgName("pauses")->Arg(0)->Arg(32)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
