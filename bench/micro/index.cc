/// Question: what does a fetch pay to find where in a segment its offset lies (the search in the
/// offset index), and what does it cost to keep that index?
///
/// Command: taskset -c 1 build/bench/micro_index --benchmark_repetitions=9
/// --benchmark_report_aggregates_only=true
///
/// Estimate: a segment of 1 GiB with an entry each 4 KiB has 262,144 entries of 16 bytes, 4 MiB. A
/// binary search takes 18 steps; the first dozen of them hit the same cache lines every time (under
/// 2 ns each with a mispredicted branch now and then), the last six miss the second cache and cost
/// 10-20 ns each for random targets: 100-150 ns. 1,024 entries fit the first cache: 10 steps, half
/// of them mispredicted at about 5 ns, 25-30 ns. Adding is a push_back, 1-2 ns. Writing the file's
/// bytes is two byte swaps and eight bytes an entry, 1 ns.

#include <benchmark/benchmark.h>

#include "base/prng.hh"
#include "storage/offset_index.hh"

namespace {

using namespace millrace;

constexpr int64_t offsets_per_entry = 40;

storage::offset_index filled(int64_t entries) {
  storage::offset_index made(base::offset(0));
  for (int64_t i = 0; i < entries; ++i) {
    made.add(base::offset(i * offsets_per_entry + offsets_per_entry - 1), static_cast<uint32_t>(i * 4096));
  }
  return made;
}

void lookup(benchmark::State& state) {
  const storage::offset_index index = filled(state.range(0));
  base::prng random(1);
  const auto end = static_cast<uint64_t>(state.range(0) * offsets_per_entry);
  for (auto _ : state) {
    const auto wanted = base::offset(static_cast<int64_t>(random.below(end)));
    benchmark::DoNotOptimize(index.position_before(wanted));
  }
}

void add(benchmark::State& state) {
  for (auto _ : state) {
    const storage::offset_index made = filled(state.range(0));
    benchmark::DoNotOptimize(made.count());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void encode(benchmark::State& state) {
  const storage::offset_index index = filled(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(index.encode().data());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void sizes(benchmark::internal::Benchmark* b) { b->ArgName("entries")->Arg(1024)->Arg(16384)->Arg(262144); }

BENCHMARK(lookup)->Apply(sizes);
BENCHMARK(add)->Apply(sizes);
BENCHMARK(encode)->Apply(sizes);

}  // namespace

BENCHMARK_MAIN();
