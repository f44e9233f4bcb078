#include "record/batch_walk.hh"

#include <algorithm>

namespace millrace::record {
namespace {

using base::errc;

/// What a piece costs at least, so that input which yields nothing uses up the budget too.
constexpr size_t piece_cost_min = 16 * 1024;

base::failure cannot_open(base::error why, int32_t index) {
  if (why.code == errc::too_large || why.code == errc::no_memory) return base::failure{why};
  return base::fail(errc::invalid_record, index, place(check::compression));
}

found_record found_at(const batch_view& batch, int32_t delta, unix_ms timestamp) {
  return {batch.base_offset() + int64_t{delta}, timestamp, delta >= 0};
}

}  // namespace

batch_walk::batch_walk(const batch_view& batch, const walk_rules& rules, decompressor& unpack, uint64_t bytes_max)
    : batch_(batch), unpack_(unpack), bytes_max_(batch.is_compressed() ? bytes_max : UINT64_MAX), walker_(rules) {}

base::result<bool> batch_walk::step(size_t budget) {
  if (!begun_) {
    if (batch_.codec_number() > codec_last) {
      return base::fail(errc::invalid_record, batch_.codec_number(), place(check::codec));
    }
    TRY_CHECK(unpack_.begin(batch_.codec(), batch_.records(), bytes_max_));
    begun_ = true;
  }
  for (size_t used = 0; !unpack_.done() && used < budget;) {
    const auto piece = unpack_.next();
    if (!piece) return cannot_open(piece.error(), walker_.summary().count);
    TRY_CHECK(walker_.feed(*piece));
    walked_ += piece->size();
    used += std::max(piece->size(), piece_cost_min);
  }
  if (!unpack_.done()) return false;
  TRY_CHECK(walker_.finish());
  return true;
}

base::result<walk_summary> walk_batch(const batch_view& batch, const walk_rules& rules, decompressor& unpack,
                                      uint64_t bytes_max) {
  if (!batch.is_compressed()) {
    record_walker walker(rules);
    TRY_CHECK(walker.feed(batch.records()));
    TRY_CHECK(walker.finish());
    return walker.summary();
  }
  batch_walk walk(batch, rules, unpack, bytes_max);
  TRY_CHECK(walk.step(SIZE_MAX));
  return walk.summary();
}

base::result<found_record> find_by_timestamp(const batch_view& batch, unix_ms target, decompressor& unpack,
                                             uint64_t bytes_max) {
  walk_rules rules = walk_rules::stored(batch);
  rules.search_timestamp = target;
  batch_walk walk(batch, rules, unpack, bytes_max);
  while (walk.summary().found_delta < 0) {
    TRY(const bool complete, walk.step(decompressor::piece_bytes_max));
    if (complete) break;
  }
  return found_at(batch, walk.summary().found_delta, walk.summary().found_timestamp);
}

base::result<found_record> find_max_timestamp(const batch_view& batch, decompressor& unpack, uint64_t bytes_max) {
  TRY(const walk_summary walked, walk_batch(batch, walk_rules::stored(batch), unpack, bytes_max));
  return found_at(batch, walked.max_timestamp_delta, walked.max_timestamp);
}

}  // namespace millrace::record
