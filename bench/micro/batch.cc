/// Question: what does the broker pay for a record batch: to check it as a Produce does, to walk
/// its records, to build it, and to open or pack it in each codec?
///
/// Command: taskset -c 1 build/bench/micro_batch --benchmark_repetitions=9
/// --benchmark_report_aggregates_only=true
///
/// Estimate, for 100 records of 1,000 bytes (101 KB): the frame and the shape are a few dozen
/// loads, under 20 ns. The CRC with the copy is 101 KB at 45-55 GB/s, 2 us. A walk reads 6 varints
/// a record and skips the rest: 10-15 ns a record, 1-1.5 us a batch, for one record 15 ns. Building
/// copies every byte and sums it: 100 records at 20 ns and 101 KB at about 20 GB/s, 7 us. Codecs
/// are their libraries' speed on data that compresses about 2 : 1, to open (GB/s of records): lz4
/// 3-4, snappy 1.5-2, zstd 1-1.5, gzip 0.3-0.4; to pack: lz4 0.6, snappy 0.5, zstd 0.3, gzip 0.04.
/// Opening is 10-300 times the price of the CRC, so the broker opens only what it must.
///
/// Measured (guest of 2 CPUs on an AMD EPYC (Zen 5), kernel 6.18, clang 16), 100 x 1,000 B: frame
/// and shape 3.4 ns; copy with CRC 1.6 us (58 GB/s); walk 0.69 us, 7 ns a record; building 4.5 us
/// (21 GB/s). Opening lz4 4.1, zstd 1.9, snappy 1.2, gzip 0.46 GB/s; packing lz4 1.1, snappy 1.05,
/// zstd 0.36, gzip 0.036 GB/s. Snappy opens slower than estimated.

#include <benchmark/benchmark.h>

#include <string_view>
#include <vector>

#include "base/prng.hh"
#include "record/batch_builder.hh"
#include "record/batch_walk.hh"
#include "record/compressor.hh"
#include "record/decompressor.hh"
#include "record/record_iterator.hh"
#include "record/verify.hh"

namespace {

using namespace millrace;

/// Words of a small dictionary: text that compresses about as logs do.
std::vector<uint8_t> wordy_value(size_t size, uint64_t seed) {
  static constexpr std::string_view words[] = {"partition ", "offset ", "INFO ", "request ", "timeout ", "leader "};
  base::prng random(seed);
  std::vector<uint8_t> out;
  while (out.size() < size) {
    const std::string_view word = words[random.below(std::size(words))];
    out.insert(out.end(), word.begin(), word.end());
    for (uint64_t number = random.below(1000000); number > 0; number /= 10) {
      out.push_back(static_cast<uint8_t>('0' + number % 10));
    }
  }
  out.resize(size);
  return out;
}

void build(std::vector<uint8_t>& target, const std::vector<std::vector<uint8_t>>& values, record::codec codec) {
  record::batch_builder builder(target, {.codec = codec});
  for (const auto& value : values) builder.add({.timestamp = 1700000000000, .value = base::bytes(value)});
  if (!builder.finish()) std::abort();
}

struct sample {
  sample(int64_t records, int64_t value_size, record::codec codec = record::codec::none) {
    for (int64_t i = 0; i < records; ++i) {
      values.push_back(wordy_value(static_cast<size_t>(value_size), static_cast<uint64_t>(i) + 1));
    }
    build(batch, values, codec);
    std::vector<uint8_t> plain;
    build(plain, values, record::codec::none);
    plain_size = plain.size();
  }
  record::batch_view view() const { return *record::batch_view::frame(batch); }

  std::vector<std::vector<uint8_t>> values;
  std::vector<uint8_t> batch;
  size_t plain_size;
};

void count(benchmark::State& state, const sample& s) {
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(s.plain_size));
  state.counters["ratio"] = static_cast<double>(s.plain_size) / static_cast<double>(s.batch.size());
}

void frame_and_shape(benchmark::State& state) {
  const sample s(state.range(0), state.range(1));
  for (auto _ : state) {
    const auto view = record::batch_view::frame(s.batch);
    benchmark::DoNotOptimize(view.ok() && record::verify_produced(*view).ok());
  }
}

void copy_verified(benchmark::State& state) {
  const sample s(state.range(0), state.range(1));
  std::vector<uint8_t> target(s.batch.size());
  for (auto _ : state) {
    benchmark::DoNotOptimize(record::copy_verified(s.view(), target.data()).ok());
    benchmark::ClobberMemory();
  }
  count(state, s);
}

void walk(benchmark::State& state) {
  const sample s(state.range(0), state.range(1));
  for (auto _ : state) {
    record::record_iterator records(s.view().records(), s.view().record_count());
    record::record_view one;
    size_t bytes = 0;
    for (auto more = records.next(one); more && *more; more = records.next(one)) bytes += one.value->size();
    benchmark::DoNotOptimize(bytes);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  count(state, s);
}

void build_batch(benchmark::State& state) {
  const sample s(state.range(0), state.range(1));
  std::vector<uint8_t> target;
  for (auto _ : state) {
    target.clear();
    build(target, s.values, record::codec::none);
    benchmark::DoNotOptimize(target.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  count(state, s);
}

void open_codec(benchmark::State& state, record::codec codec) {
  const sample s(100, 1000, codec);
  record::decompressor unpack;
  for (auto _ : state) {
    if (!unpack.begin(codec, s.view().records(), 16 << 20)) std::abort();
    while (!unpack.done()) {
      const auto piece = unpack.next();
      if (!piece) std::abort();
      benchmark::DoNotOptimize(piece->data());
    }
  }
  count(state, s);
}

void pack_codec(benchmark::State& state, record::codec codec) {
  const sample s(100, 1000, codec);
  const sample plain(100, 1000);
  record::compressor pack;
  std::vector<uint8_t> target;
  for (auto _ : state) {
    target.clear();
    if (!pack.begin(codec, {}, target) || !pack.write(plain.view().records()) || !pack.finish()) std::abort();
    benchmark::DoNotOptimize(target.data());
  }
  count(state, s);
}

void shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"records", "bytes"})->Args({1, 100})->Args({10, 1000})->Args({100, 1000})->Args({1000, 1000});
}

BENCHMARK(frame_and_shape)->Apply(shapes);
BENCHMARK(copy_verified)->Apply(shapes);
BENCHMARK(walk)->Apply(shapes);
BENCHMARK(build_batch)->Apply(shapes);
BENCHMARK_CAPTURE(open_codec, gzip, record::codec::gzip);
BENCHMARK_CAPTURE(open_codec, snappy, record::codec::snappy);
BENCHMARK_CAPTURE(open_codec, lz4, record::codec::lz4);
BENCHMARK_CAPTURE(open_codec, zstd, record::codec::zstd);
BENCHMARK_CAPTURE(pack_codec, gzip, record::codec::gzip);
BENCHMARK_CAPTURE(pack_codec, snappy, record::codec::snappy);
BENCHMARK_CAPTURE(pack_codec, lz4, record::codec::lz4);
BENCHMARK_CAPTURE(pack_codec, zstd, record::codec::zstd);

}  // namespace

BENCHMARK_MAIN();
