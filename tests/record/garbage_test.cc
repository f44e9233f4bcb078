#include <doctest/doctest.h>

#include "batches.hh"
#include "record/batch_walk.hh"
#include "record/corrections.hh"
#include "record/verify.hh"

/// Whatever arrives, the whole way from bytes to a stored batch gives an answer: run with the
/// sanitizers, this is the small brother of the fuzzers.

using namespace millrace;
using namespace millrace::record;
using namespace millrace::record::tests;

namespace {

/// What the produce path does with bytes from outside. True where they were taken.
bool take(std::vector<uint8_t> data, decompressor& unpack) {
  batch_iterator batches(data);
  bool all = true;
  while (!batches.done()) {
    const auto framed = batches.next();
    if (!framed) return false;
    const batch_view& batch = *framed;
    static_cast<void>(batch.next_offset());
    static_cast<void>(batch.last_sequence());
    const bool shaped = verify_produced(batch).ok();
    const bool intact = verify_crc(batch).ok();
    // Walked whatever the header said: no check may rely on an earlier one.
    const auto walked = walk_batch(batch, walk_rules::produced(batch), unpack, 1 << 20);
    const auto stored = walk_batch(batch, walk_rules::stored(batch), unpack, 1 << 20);
    static_cast<void>(find_by_timestamp(batch, 1700000000000, unpack, 1 << 20).ok());
    record_iterator records(batch.records(), batch.record_count());
    record_view seen;
    while (true) {
      const auto more = records.next(seen);
      if (!more || !*more) break;
    }
    if (walked) {
      std::vector<uint8_t> copy(batch.data().begin(), batch.data().end());
      correct_create_time(copy, *walked);
      CHECK(verify_crc(view(copy)).ok() == intact);
    }
    all = all && shaped && intact && walked.ok() && stored.ok();
  }
  return all;
}

}  // namespace

TEST_CASE("garbage: random bytes are refused") {
  base::prng random(23);
  decompressor unpack;
  for (int turn = 0; turn < 20000; ++turn) {
    std::vector<uint8_t> data(1 + random.below(200));
    random.fill(data);
    if (data.size() > header::magic_at && random.chance(0.9)) data[header::magic_at] = 2;
    if (data.size() > 12 && random.chance(0.9)) {
      base::store_big(data.data() + header::batch_length_at, static_cast<int32_t>(data.size() - 12));
    }
    REQUIRE_FALSE(take(data, unpack));
  }
}

TEST_CASE("garbage: batches with a few wrong bytes and a right CRC get an answer") {
  base::prng random(24);
  decompressor unpack;
  int taken = 0;
  for (int turn = 0; turn < 6000; ++turn) {
    auto data =
        batch_of(random_records(random, {.count_max = 8, .text_max = 60}), {.codec = static_cast<codec>(random.below(5))});
    for (uint64_t flips = random.below(4); flips > 0; --flips) {
      data[random.below(data.size())] = static_cast<uint8_t>(random.next());
    }
    if (const auto framed = batch_view::frame(data); framed) {
      const size_t size = framed->size();
      seal(mutable_bytes(data).first(size));
    }
    if (take(data, unpack)) ++taken;
  }
  CHECK(taken > 1000);
  CHECK(taken < 5500);
}
