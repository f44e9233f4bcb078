#include "storage/log.hh"

#include <algorithm>

#include "base/hash.hh"
#include "record/batch_header.hh"
#include "storage/log_manager.hh"

namespace millrace::storage {

namespace header = record::header;

log::log(log_manager& manager, log_state state, const log_config& config)
    : manager_(manager),
      id_(state.id),
      directory_(std::move(state.directory)),
      config_(config),
      tail_(manager.tails(), *this),
      end_(state.end),
      staged_(state.end),
      durable_(state.end),
      acknowledged_(state.end),
      checkpointed_(state.end),
      log_start_(state.log_start),
      log_start_staged_(state.log_start),
      epochs_(std::move(state.epochs)),
      damage_(std::move(state.damage)),
      tail_open_(state.end.position == 0) {
  if (state.producers_from < end_.next) unkept_ = {state.producers_from, end_.next};
}

log::~log() { ASSERT(groups_ == 0 && writes_ == 0); }

uint64_t log::size_bytes() const noexcept {
  uint64_t sum = 0;
  for (const auto& s : segments_) sum += s->size;
  return sum;
}

base::result<appended> log::append(const record::batch_view& batch, base::leader_epoch epoch, crc_check check) {
  if (offline_ || removed_ || manager_.commit_log_failed()) return base::fail(base::errc::storage);
  if (manager_.stopping()) return base::fail(base::errc::closed);
  if (no_space_ || manager_.no_checkpoint_space()) return base::fail(base::errc::no_space);
  if (!tail_open_) {
    manager_.open_tail(*this);
    return base::fail(base::errc::busy);
  }
  const uint64_t size = batch.size();
  if (!manager_.admits(size)) return base::fail(base::errc::busy);
  if (must_roll(batch)) roll();
  segment& s = active();
  if (!tail_.reserve(s.base(), end_.position, size)) {
    manager_.make_room(size);
    // That may have taken this log's own last block, which then comes back first.
    if (!tail_open_) manager_.open_tail(*this);
    if (!tail_open_ || !tail_.reserve(s.base(), end_.position, size)) {
      manager_.want_room();
      return base::fail(base::errc::busy);
    }
  }
  uint32_t crc = 0;
  copy_batch(batch, epoch, check, crc);
  if (check == crc_check::compute && crc != batch.crc()) {
    tail_.trim(s.base(), end_.position);
    return base::fail(base::errc::corrupt);
  }

  const base::offset first = end_.next;
  const base::offset next = first + (int64_t{batch.last_offset_delta()} + 1);
  tail_.note_batch(s.base(), end_.position, first);
  if (s.size == 0) s.first_timestamp = batch.max_timestamp();
  s.note_batch(end_.position, static_cast<uint32_t>(size), next - 1, batch.max_timestamp());
  note_epoch(epoch, first);
  if (batch.has_producer_id()) note_producer(first, next);
  end_.position += size;
  end_.next = next;
  s.size = end_.position;
  touched_ = true;
  manager_.appended(*this, size);
  return appended{first, next};
}

/// Copies to the tail: the stamped front of the header first, then everything that the CRC covers in one pass.
void log::copy_batch(const record::batch_view& batch, base::leader_epoch epoch, crc_check check, uint32_t& crc) {
  uint8_t front[header::checked_at];
  std::memcpy(front, batch.data().data(), sizeof front);
  record::stamp(front, end_.next, epoch);
  const base::offset segment = active().base();
  tail_.write(segment, end_.position, front, nullptr);
  tail_.write(segment, end_.position + sizeof front, batch.checked(), check == crc_check::compute ? &crc : nullptr);
}

bool log::must_roll(const record::batch_view& batch) const {
  const segment& s = active();
  if (s.size == 0) return false;
  if (s.size + batch.size() > config_.segment_bytes) return true;
  if (end_.next + batch.last_offset_delta() - s.base() > INT32_MAX) return true;
  if (s.indexes_full()) return true;
  // Kafka: from the first batch's timestamp where it has one, else from the segment's creation.
  const base::unix_ms begin = s.first_timestamp >= 0 ? s.first_timestamp : s.created_at;
  const base::unix_ms now = s.first_timestamp >= 0 ? batch.max_timestamp() : manager_.on().wall_clock();
  return now > begin && now - begin >= config_.segment_ms.ms() - roll_jitter_ms();
}

/// Kafka draws it when a segment is opened. Here it follows from which segment it is: so it outlives a restart, and a
/// setting that changes holds for the segment that is open.
int64_t log::roll_jitter_ms() const {
  const int64_t most = std::min(config_.segment_jitter.ms(), config_.segment_ms.ms());
  if (most <= 0) return 0;
  const uint64_t which = base::hash_combine(std::hash<base::uuid>()(id_.topic), static_cast<uint32_t>(id_.partition));
  const uint64_t drawn = base::hash_combine(which, static_cast<uint64_t>(active().base().value()));
  return static_cast<int64_t>(drawn % static_cast<uint64_t>(most));
}

void log::roll() {
  active().state = segment_state::sealed;
  segments_.push_back(manager_.new_segment(*this, end_.next));
  end_.segment = end_.next;
  end_.position = 0;
  manager_.rolled(*this);
}

bool log::at_rest() const noexcept {
  const bool whole = staged_.next == end_.next && durable_.next == end_.next && acknowledged_.next == end_.next;
  return whole && groups_ == 0 && writes_ == 0 && !destaging_ && !preparing_ && !tail_opening_ && !offline_ && !removed_;
}

/// Its points step into the new segment, which is the same place.
void log::end_active() {
  ASSERT(at_rest());
  if (active().size > 0) roll();
  staged_ = durable_ = acknowledged_ = end_;
  tail_open_ = true;
}

bool log::front_may_leave() const noexcept {
  if (!front_is_left() || segments_[1]->base() > durable_.next) return false;
  const segment& front = *segments_[0];
  if (front.readers > 0 || (destaging_ && front.base() >= destaged_below_)) return false;
  const bool untouched = front.state == segment_state::sealed && groups_ == 0 && writes_ == 0 && !preparing_ && !destaging_;
  return front.state == segment_state::closed || untouched;
}

void log::step_over_front() {
  const segment& front = *segments_[0];
  const base::offset next = segments_[1]->base();
  for (log_point* p : {&staged_, &durable_, &acknowledged_}) {
    if (p->segment == front.base() && p->next == next) *p = {next, 0, next};
  }
  // All of it is in its file, or nothing of it is needed any more.
  if (checkpointed_.segment == front.base()) checkpointed_ = {next, 0, next};
}

void log::step_over_closed() {
  const segment* s = find_segment(checkpointed_.segment);
  if (s == nullptr || s->state != segment_state::closed || checkpointed_.position != s->size) return;
  const base::offset next = end_of(*s);
  checkpointed_ = {next, 0, next};
}

void log::step_over_replaced(base::offset begin, base::offset next) {
  for (log_point* p : {&staged_, &durable_, &acknowledged_}) {
    if (p->segment < begin || p->segment >= next) continue;
    ASSERT(p->next == next);
    *p = {next, 0, next};
  }
}

void log::note_epoch(base::leader_epoch epoch, base::offset first) {
  if (!epochs_.empty() && epochs_.back().epoch >= epoch) return;
  epochs_.push_back({epoch, first});
}

void log::note_producer(base::offset first, base::offset next) noexcept {
  if (!unkept_) unkept_ = {first, next};
  unkept_->next = next;
}

void log::producers_kept(base::offset upto) noexcept {
  if (!unkept_) return;
  if (unkept_->next <= upto) {
    unkept_.reset();
  } else {
    unkept_->first = std::max(unkept_->first, upto);
  }
}

segment* log::segment_of(base::offset wanted) const {
  size_t low = 0;
  size_t high = segments_.size();
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    if (segments_[middle]->base() <= wanted) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return segments_[low].get();
}

segment* log::segment_from(base::offset base) const {
  const auto found = std::lower_bound(segments_.begin(), segments_.end(), base,
                                      [](const std::unique_ptr<segment>& s, base::offset b) { return s->base() < b; });
  return found == segments_.end() ? nullptr : found->get();
}

segment* log::find_segment(base::offset base) const {
  segment* s = segment_of(base);
  return s->base() == base ? s : nullptr;
}

bool log::damaged(base::offset o) const {
  for (const damaged_range& d : damage_) {
    if (d.begin <= o && o < d.limit) return true;
  }
  return false;
}

base::offset log::behind_damage(base::offset at) const noexcept {
  for (const damaged_range& d : damage_) {
    if (d.begin <= at && at < d.limit) return d.limit;
  }
  return at;
}

bool log::note_damage(damaged_range found) {
  // What a damaged header says of offsets may be anything.
  found.begin = std::max(found.begin, log_start_);
  found.limit = std::min(found.limit, end_.next);
  if (found.begin >= found.limit) return false;
  auto at = std::find_if(damage_.begin(), damage_.end(), [&](const damaged_range& d) { return d.limit >= found.begin; });
  if (at != damage_.end() && at->begin <= found.begin && found.limit <= at->limit) return false;
  // Ranges that touch become one: they stay few, disjoint and in order.
  while (at != damage_.end() && at->begin <= found.limit) {
    found.begin = std::min(found.begin, at->begin);
    found.limit = std::max(found.limit, at->limit);
    at = damage_.erase(at);
  }
  damage_.insert(at, found);
  return true;
}

namespace {
void forget_below(base::offset start, std::vector<epoch_start>& epochs, std::vector<damaged_range>& damage) {
  std::erase_if(damage, [&](const damaged_range& d) { return d.limit <= start; });
  if (!damage.empty()) damage.front().begin = std::max(damage.front().begin, start);
  // Kafka: of the epochs that began before it the last one stays, as if it had begun there.
  while (epochs.size() > 1 && epochs[1].first <= start) epochs.erase(epochs.begin());
  if (!epochs.empty()) epochs.front().first = std::max(epochs.front().first, start);
}
}  // namespace

bool log::stage_log_start(base::offset start) noexcept {
  if (start <= log_start_staged_) return false;
  log_start_staged_ = start;
  return true;
}

void log::raise_log_start(base::offset start) {
  if (start <= log_start_) return;
  ASSERT(start <= log_start_staged_);
  log_start_ = start;
  forget_below(start, epochs_, damage_);
}

base::offset log::end_of(const segment& s) const {
  const segment* next = segment_from(s.base() + 1);
  return next == nullptr ? end_.next : next->base();
}

base::leader_epoch log::epoch_of(base::offset o) const {
  base::leader_epoch found{-1};
  for (const epoch_start& e : epochs_) {
    if (e.first <= o) found = e.epoch;
  }
  return found;
}

uint64_t log::unstaged_bytes() const {
  uint64_t sum = 0;
  for (const auto& s : segments_) {
    if (s->base() > staged_.segment) sum += s->size;
    if (s->base() == staged_.segment) sum += s->size - staged_.position;
  }
  return sum;
}

bool log::idle() const noexcept {
  return end_ == checkpointed_ && groups_ == 0 && writes_ == 0 && !destaging_ && !tail_opening_;
}

void log::acknowledge(log_point point) {
  if (point.next <= acknowledged_.next) return;
  acknowledged_ = point;
  if (listener_ != nullptr) listener_->on_acknowledged(point.next);
}

void log::mark_dirty(uint64_t record) {
  if (dirty_since_ == clean) dirty_since_ = record;
  if (dirty_next_ == clean) dirty_next_ = record;
}

log_state log::state() const {
  log_state now{id_,     directory_, checkpointed_, log_start_staged_, std::min(producers_from(), checkpointed_.next),
                epochs_, damage_};
  forget_below(log_start_staged_, now.epochs, now.damage);
  return now;
}

}  // namespace millrace::storage
