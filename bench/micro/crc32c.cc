/// Question: what does the checksum of a batch cost, alone and in the pass that copies it into the
/// append buffer?
///
/// Command: taskset -c 1 build/bench/micro_crc32c --benchmark_repetitions=9
/// --benchmark_report_aggregates_only=true
///
/// Estimate: SSE4.2's crc32 takes 8 bytes with a latency of 3 cycles, one stream: 8 B / 3 cycles
/// at 3.7-4 GHz is 10 GB/s. VPCLMULQDQ folds 256 bytes with 8 multiplications of 64 bytes, one a
/// cycle, and loads 64 bytes a cycle: about 16 cycles a KiB or 60 GB/s while the data is in the
/// second-level cache; small inputs pay some 10 ns for the final reduction. The copy adds a store a
/// load, which the same cycles hide: 40-55 GB/s in cache, and the memory's own 14-18 GB/s beyond
/// it. A byte a step by table: 1 load and 2 operations in a chain of about 6 cycles, 0.6 GB/s.
///
/// Measured (guest of 2 CPUs on an AMD EPYC (Zen 5), kernel 6.18, clang 16): 59 GB/s from 1 KiB to
/// 1 MiB, 32 from memory; with the copy 48, 58, 49 and 18 GB/s for 1 KiB, 16 KiB, 1 MiB and 64 MiB;
/// 100 bytes 5.3 ns, with the copy 6.6. SSE4.2 19 GB/s at 1 KiB (better than estimated:
/// neighbouring calls overlap) and 9.8 at 1 MiB; the table 0.47.

#include <benchmark/benchmark.h>

#include <vector>

#include "base/crc32c.hh"
#include "base/prng.hh"

namespace {

using namespace millrace;

std::vector<uint8_t> random_bytes(size_t size) {
  std::vector<uint8_t> out(size);
  base::prng(1).fill(out);
  return out;
}

void count_bytes(benchmark::State& state, size_t size) {
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(size));
}

void checksum(benchmark::State& state) {
  const auto source = random_bytes(static_cast<size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(base::crc32c(0, source));
  count_bytes(state, source.size());
}

void checksum_and_copy(benchmark::State& state) {
  const auto source = random_bytes(static_cast<size_t>(state.range(0)));
  std::vector<uint8_t> target(source.size());
  for (auto _ : state) {
    benchmark::DoNotOptimize(base::crc32c_copy(0, target.data(), source.data(), source.size()));
    benchmark::ClobberMemory();
  }
  count_bytes(state, source.size());
}

void by_kernel(benchmark::State& state, base::crc32c_kernel kernel) {
  if (kernel > base::crc32c_kernel_in_use()) {
    state.SkipWithError("this processor does not have it");
    return;
  }
  const auto source = random_bytes(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(base::crc32c_by(kernel, 0, nullptr, source.data(), source.size()));
  }
  count_bytes(state, source.size());
}

void combine(benchmark::State& state) {
  uint32_t crc = 1;
  for (auto _ : state) {
    crc = base::crc32c_combine(crc, 0x12345678, static_cast<uint64_t>(state.range(0)));
    benchmark::DoNotOptimize(crc);
  }
}

constexpr int64_t sizes[] = {100, 1 << 10, 4 << 10, 16 << 10, 1 << 20, 64 << 20};
void all_sizes(benchmark::internal::Benchmark* b) {
  for (const int64_t size : sizes) b->Arg(size);
}

BENCHMARK(checksum)->Apply(all_sizes);
BENCHMARK(checksum_and_copy)->Apply(all_sizes);
BENCHMARK_CAPTURE(by_kernel, portable, base::crc32c_kernel::portable)->Arg(1 << 10)->Arg(1 << 20);
BENCHMARK_CAPTURE(by_kernel, sse42, base::crc32c_kernel::sse42)->Arg(100)->Arg(1 << 10)->Arg(1 << 20);
BENCHMARK_CAPTURE(by_kernel, vpclmul, base::crc32c_kernel::vpclmul)->Arg(100)->Arg(1 << 10)->Arg(1 << 20);
BENCHMARK(combine)->Arg(100)->Arg(1 << 20);

}  // namespace

BENCHMARK_MAIN();
