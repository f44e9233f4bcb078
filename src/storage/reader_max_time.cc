#include <algorithm>

#include "record/batch_view.hh"
#include "record/batch_walk.hh"
#include "record/decompressor.hh"
#include "storage/log_manager.hh"
#include "storage/reader.hh"

/// The first record with the largest timestamp. Indexes know it of whole segments; the one that log start lies in is read.

namespace millrace::storage {

namespace {
constexpr base::duration walk_step_time = base::microseconds(500);
}  // namespace

reactor::task<base::result<timestamp_and_offset>> reader::find_max_timestamp(log_id id) {
  timestamp_and_offset best;
  base::offset at{0};
  while (true) {
    const auto found = co_await indexed_segment(id, &at, INT64_MAX);
    if (!found) co_return found.failure();
    const segment* s = *found;
    if (s == nullptr) break;
    const log& l = *manager_.find(id);
    const base::offset start = l.log_start_;
    const base::offset next = l.end_of(*s);
    const timestamp_and_offset whole{s->times.largest(), s->times.largest_offset()};
    const bool has_more = s->size > 0 && next > start && whole.timestamp > best.timestamp;
    if (has_more && s->base() >= start) best = whole;
    if (has_more && s->base() < start) {
      const auto rest = co_await newest_between(id, start, next);
      if (!rest) co_return rest;
      if (rest->timestamp > best.timestamp) best = *rest;
    }
    at = at + int64_t{1};
  }
  if (best.timestamp < 0) co_return timestamp_and_offset{};
  auto first = co_await scan(id, best.offset, best.timestamp);
  co_return first;
}

/// The largest timestamp of acknowledged records from `from` up to `limit`, and an offset from which on its first one is.
reactor::task<base::result<timestamp_and_offset>> reader::newest_between(log_id id, base::offset from, base::offset limit) {
  timestamp_and_offset best;
  while (true) {
    const log* l = manager_.find(id);
    if (l == nullptr || l->removed_ || manager_.stopping()) co_return base::fail(base::errc::closed);
    from = std::max(from, l->log_start_);
    if (from >= std::min(limit, l->acknowledged())) co_return best;
    const uint64_t unpacked_bytes_max = l->config_.decompressed_bytes_max;
    const auto plan = l->plan_read(from, scan_bytes_max, true);
    if (!plan) co_return plan.failure();
    const auto got = co_await read(id, *plan);
    if (!got) co_return got.failure();
    if (got->bytes == 0) co_return best;
    std::vector<uint8_t> joined;
    record::batch_iterator batches(in_one_piece(*got, joined));
    while (!batches.done()) {
      const auto batch = batches.next();
      if (!batch) co_return base::fail(base::errc::storage);
      if (batch->newest_record() > best.timestamp && batch->base_offset() >= from) {
        best = {batch->newest_record(), batch->base_offset()};
      } else if (batch->newest_record() > best.timestamp) {
        record::walk_rules rules = record::walk_rules::stored(*batch);
        rules.search_delta = static_cast<int32_t>(from - batch->base_offset());
        const auto seen = co_await walk(*batch, rules, unpacked_bytes_max);
        if (!seen) co_return seen.failure();
        if (seen->max_timestamp > best.timestamp) best = {seen->max_timestamp, from};
      }
      from = batch->next_offset();
    }
  }
}

/// Opening a large batch takes long: whatever else is ready runs in between. Ends at the first record that is found.
reactor::task<base::result<record::walk_summary>> reader::walk(record::batch_view batch, record::walk_rules rules,
                                                               uint64_t unpacked_bytes_max) {
  record::decompressor unpack;
  record::batch_walk over(batch, rules, unpack, unpacked_bytes_max);
  bool complete = false;
  while (!complete && over.summary().found_delta < 0) {
    const base::instant begin = core_.effects().clock();
    while (!complete && over.summary().found_delta < 0 && core_.effects().clock() - begin < walk_step_time) {
      const auto step = over.step(record::decompressor::piece_bytes_max);
      if (!step) co_return base::fail(base::errc::storage);
      complete = *step;
    }
    if (!complete && over.summary().found_delta < 0) co_await reactor::next_turn(core_);
  }
  co_return over.summary();
}

}  // namespace millrace::storage
