#include "broker/partition/producer_table.hh"

#include <algorithm>

#include "base/mutant.hh"

namespace millrace::broker {

namespace {

int32_t sequence_after(int32_t sequence) { return sequence == INT32_MAX ? 0 : sequence + 1; }

void remember(producer_state& p, const producer_batch& b) {
  if (p.count == producer_state::batches_max) {
    std::move(p.batches.begin() + 1, p.batches.end(), p.batches.begin());
    --p.count;
  }
  p.batches[p.count++] = b;
}

}  // namespace

// ---- of a core

void producer_ages::drop_oldest() {
  tracked_producer& oldest = ages_.front();
  oldest.of->producers_.erase(oldest.id);
  --count_;
}

void producer_ages::expire(base::unix_ms now) {
  while (!ages_.empty() && now - ages_.front().last_write >= expiration_.ms()) drop_oldest();
}

bool producer_ages::make_room(base::unix_ms now) {
  if (!is_full()) return true;
  if (ages_.empty() || now - ages_.front().last_write < spared.ms()) return false;
  drop_oldest();
  return true;
}

// ---- of a partition

producer_table::producer_table(producer_ages& ages) : ages_(ages), producers_(0, hash{ages.seed_}) {}

const producer_state* producer_table::find(int64_t id) const {
  const auto found = producers_.find(id);
  return found == producers_.end() ? nullptr : &found->second;
}

base::result<std::optional<producer_batch>> producer_table::check(const record::header_view& batch, base::unix_ms now) {
  constexpr std::optional<producer_batch> append;
  const producer_state* p = find(batch.producer_id());
  if (p == nullptr) {
    if (!ages_.make_room(now)) return base::fail(base::errc::policy_violation);
    return append;
  }
  if (batch.producer_epoch() < p->epoch) return base::fail(base::errc::invalid_producer_epoch);
  if (batch.producer_epoch() > p->epoch) {
    if (batch.base_sequence() != 0) return base::fail(base::errc::out_of_order_sequence);
    return append;
  }
  for (const producer_batch& b : p->window()) {
    if (b.first_sequence == batch.base_sequence() && b.last_sequence == batch.last_sequence()) {
      if (base::mutated(base::mutant::skip_duplicate_check)) return append;
      return std::optional(b);
    }
  }
  if (p->count > 0 && batch.base_sequence() != sequence_after(p->window().back().last_sequence)) {
    return base::fail(base::errc::out_of_order_sequence);
  }
  return append;
}

/// Appends ask make_room() before. What a start finds may be more than that allows, but is bounded too.
tracked_producer& producer_table::find_or_add(int64_t id) {
  if (ages_.count_ >= 2 * ages_.count_max_ && find(id) == nullptr) ages_.drop_oldest();
  const auto [at, is_new] = producers_.try_emplace(id);
  tracked_producer& p = at->second;
  if (is_new) {
    p.id = id;
    p.of = this;
    ++ages_.count_;
  }
  return p;
}

void producer_table::note(const record::header_view& batch, base::offset first, base::offset next, base::unix_ms now) {
  tracked_producer& p = find_or_add(batch.producer_id());
  if (p.count > 0 && first < p.window().back().next) return;
  if (p.epoch != batch.producer_epoch()) p.count = 0;
  p.epoch = batch.producer_epoch();
  p.last_write = now;
  remember(p, {batch.base_sequence(), batch.last_sequence(), first, next, batch.max_timestamp()});
  p.unlink();
  ages_.ages_.push_back(p);
}

void producer_table::restore(const producer_state& kept, base::unix_ms now) {
  const int64_t silent = now - kept.last_write;
  if (silent >= ages_.expiration_.ms()) return;
  if (ages_.is_full() && silent >= ages_.spared.ms()) return;  // it was given up, or would be
  tracked_producer& p = find_or_add(kept.id);
  static_cast<producer_state&>(p) = kept;
  p.unlink();
  ages_.ages_.push_front(p);
}

void producer_table::clear() noexcept {
  ages_.count_ -= producers_.size();
  producers_.clear();
}

}  // namespace millrace::broker
