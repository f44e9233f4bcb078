#include <algorithm>

#include "base/mutant.hh"
#include "record/batch_filter.hh"
#include "record/record_iterator.hh"
#include "storage/compacted_segment.hh"
#include "storage/compaction_pass.hh"
#include "storage/log_manager.hh"

/// What compaction does with one batch.

namespace millrace::storage {

using base::result;
using reactor::task;

namespace {
constexpr size_t records_at_once = 64;  ///< between two looks at the clock
}  // namespace

/// The records in one piece. None where they cannot be opened, or only with too much memory: such a batch is left alone.
task<result<std::optional<base::bytes>>> compaction_pass::open_records(record::batch_view batch) {
  if (!batch.is_compressed()) co_return batch.records();
  opened_.clear();
  const auto begun = unpack_.begin(batch.codec(), batch.records(), opened_bytes_max_);
  if (!begun && passes(begun.error().code)) co_return begun.failure();
  if (!begun) co_return std::nullopt;
  while (!unpack_.done()) {
    pace_.begin();
    const auto piece = unpack_.next();
    if (piece) opened_.insert(opened_.end(), piece->begin(), piece->end());
    pace_.end();
    if (!piece && passes(piece.error().code)) co_return piece.failure();
    if (!piece) co_return std::nullopt;
    co_await breathe();
  }
  co_return base::bytes(opened_);
}

task<result<void>> compaction_pass::take_batch(record::batch_view batch, bool last, compacted_segment& out) {
  rebuilt_.clear();
  base::bytes chosen = batch.data();
  if (batch.record_count() == 0) {
    if (!last) co_return result<void>();
  } else if (!batch.is_control()) {
    const auto records = co_await open_records(batch);
    if (!records) co_return records.failure();
    if (*records) {
      const auto judged = co_await judge(batch, **records);
      if (!judged) co_return judged.failure();
      const bool needs_horizon = judged->tombstones && !batch.has_delete_horizon();
      std::optional<base::unix_ms> horizon;
      const log* l = manager_.find(id_);
      if (l == nullptr) co_return base::fail(base::errc::closed);
      if (needs_horizon) horizon = manager_.on().wall_clock() + l->config_.delete_retention_ms;
      const bool whole = judged->kept == batch.record_count();
      if (judged->kept == 0 && !last) co_return result<void>();
      if (judged->kept == 0) {
        record::append_empty(batch, rebuilt_);
      } else if (!whole || horizon) {
        const auto filtered = co_await filter(batch, **records, *judged, horizon);
        if (!filtered && passes(filtered.error().code)) co_return filtered;
      }
      if (!rebuilt_.empty()) chosen = rebuilt_;
    }
  }
  const record::header_view header(chosen.data());
  const auto appended = co_await out.append(header, chosen);
  co_return appended;
}

/// A batch with a record that cannot be read keeps all of them.
task<result<compaction_pass::judgement>> compaction_pass::judge(record::batch_view batch, base::bytes records) {
  judgement found;
  found.stays.reserve(static_cast<size_t>(batch.record_count()));
  const bool expired = base::mutated(base::mutant::compact_tombstones_at_once) ||
                       (batch.has_delete_horizon() && batch.base_timestamp() <= manager_.on().wall_clock());
  record::record_iterator each(records, batch.record_count());
  record::record_view record;
  pace_.begin();
  while (true) {
    const auto more = each.next(record);
    if (!more) {
      found.stays.assign(static_cast<size_t>(batch.record_count()), true);
      found.kept = batch.record_count();
      found.tombstones = false;
    }
    if (!more || !*more) break;
    const base::offset at = batch.base_offset() + int64_t{record.offset_delta};
    bool stays = record.key && map_->find(*record.key) <= at && (record.value || !expired);
    if (base::mutated(base::mutant::compact_newest_away) && record.key && map_->find(*record.key) == at) stays = false;
    found.stays.push_back(stays);
    found.kept += stays ? 1 : 0;
    found.tombstones = found.tombstones || (stays && !record.value);
    if (found.stays.size() % records_at_once != 0) continue;
    pace_.end();
    if (pace_.due()) co_await pace_.rest();
    pace_.begin();
  }
  pace_.end();
  co_return found;
}

/// The batch with what stays of it, in rebuilt_.
task<result<void>> compaction_pass::filter(record::batch_view batch, base::bytes records, const judgement& of,
                                           std::optional<base::unix_ms> horizon) {
  record::batch_filter smaller(batch, horizon, pack_, rebuilt_);
  CO_TRY_CHECK(smaller.begin());
  record::record_iterator each(records, batch.record_count());
  record::record_view record;
  pace_.begin();
  for (size_t i = 0; i < of.stays.size(); ++i) {
    const auto more = each.next(record);
    if (more && *more && of.stays[i]) {
      CO_TRY_CHECK(smaller.keep(record));
    }
    if (i % records_at_once != 0) continue;
    pace_.end();
    if (pace_.due()) co_await pace_.rest();
    pace_.begin();
  }
  pace_.end();
  const auto finished = smaller.finish();
  co_return finished;
}

}  // namespace millrace::storage
