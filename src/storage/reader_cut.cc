#include "record/batch_view.hh"
#include "record/verify.hh"
#include "storage/log_manager.hh"
#include "storage/reader.hh"

/// What of the bytes of a file is an answer: whole batches, each checked. Plain functions.

namespace millrace::storage {

/// The wanted batches of a stretch, checked. Where not even the first is whole, `missing` says how many bytes from the
/// stretch's first batch on would hold it.
base::result<read_result> reader::cut(log_id id, const read_plan& plan, const stretch& from, uint64_t begin, uint64_t end,
                                      uint64_t* missing, base::offset* next_wanted, uint64_t* next_position) {
  const uint8_t* base = from.memory.data() - from.begin;
  uint64_t first = 0;
  uint64_t at = begin;
  bool found = false;
  std::optional<record::batch_view> passed;  // the batch before
  log* l = manager_.find(id);
  segment* s = l == nullptr ? nullptr : l->find_segment(plan.segment);
  verified_ranges* const good = s != nullptr && may_splice(plan, *s) ? &s->verified : nullptr;
  while (at < end) {
    const base::bytes rest(base + at, end - at);
    const auto batch = record::batch_view::frame(rest);
    if (!batch && batch.error().code == base::errc::truncated) {
      if (!found) *missing = at - begin + std::max<uint64_t>(needed(rest), rest.size() + block_bytes);
      break;
    }
    if (!batch) {
      if (!found) return damage(id, plan.wanted, plan.wanted + 1, at);
      break;
    }
    if (batch->next_offset() <= plan.wanted) {
      passed = *batch;
      at += batch->size();
      continue;
    }
    if (batch->base_offset() >= plan.limit) break;
    if (!found && batch->base_offset() > plan.wanted && passed && !record::verify_crc(*passed)) {
      // The batch before says that it ends before the wanted offset; but what it says is damaged.
      return damage(id, plan.wanted, batch->base_offset(), at - passed->size());
    }
    if (!found) first = at;
    const bool fits = at + batch->size() - first <= plan.bytes_max;
    if (found && !fits) break;
    if (!found && !fits && !plan.one_at_least) return read_result{};
    if (!record::verify_crc(*batch)) {
      if (found) break;
      // Its last offset cannot be believed: the next batch says where it ends.
      const auto next = record::batch_view::frame(rest.subspan(batch->size()));
      if (!next) return damage(id, plan.wanted, plan.wanted + 1, at);
      if (next->base_offset() > plan.wanted) return damage(id, plan.wanted, next->base_offset(), at);
      at += batch->size();
      continue;
    }
    if (good != nullptr) good->note(!found, batch->base_offset(), at, at + batch->size());
    found = true;
    *next_wanted = batch->next_offset();
    at += batch->size();
  }
  read_result out;
  if (!found) {
    // All that was read lies before the wanted batch.
    if (*missing == 0 && at < plan.end) *missing = at - begin + block_bytes;
    return out;
  }
  *missing = 0;
  const uint64_t better = good != nullptr ? good->better_end(first, at) : at;
  if (better < at) {
    *next_wanted = record::batch_view::frame({base + better, at - better})->base_offset();
    at = better;
  }
  *next_position = at;
  out.bytes = at - first;
  out.slices.push_back({from.memory, base + first, static_cast<uint32_t>(at - first)});
  return out;
}

/// What a batch takes, from its length field where that is there.
uint64_t reader::needed(base::bytes start) {
  if (start.size() < record::header::frame_size) return record::header::size;
  const int32_t length = base::load_big<int32_t>(start.data() + record::header::batch_length_at);
  return length < 0 ? 0 : static_cast<uint64_t>(length) + record::header::frame_size;
}

base::failure reader::damage(log_id id, base::offset begin, base::offset limit, uint64_t position) {
  log* l = manager_.find(id);
  if (l != nullptr && l->note_damage({begin, limit})) {
    core_.log().error("storage", "damaged batch: fetches from it fail",
                      base::field("path", l->segment_of(begin)->log_path()), base::field("begin", begin),
                      base::field("limit", limit), base::field("position", position));
  }
  return base::fail(base::errc::storage);
}

base::failure reader::unreadable(log_id id, base::error why) {
  const log* l = manager_.find(id);
  if (l != nullptr) {
    core_.log().error("storage", "segment cannot be read", base::field("log", l->directory()), base::field("error", why));
  }
  return base::fail(base::errc::storage, why.detail);
}

}  // namespace millrace::storage
