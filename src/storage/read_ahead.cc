#include "storage/read_ahead.hh"

#include <algorithm>

#include "storage/log_manager.hh"

namespace millrace::storage {

namespace {
constexpr uint64_t piece_bytes = 1u << 20;
constexpr unsigned pieces_ahead = 2;
constexpr size_t positions_max = 128;
/// Who asks for less at a time is slower than the disk without this.
constexpr uint32_t asked_least = 64u << 10;
}  // namespace

read_ahead::read_ahead(reactor::core& on, log_manager& manager, uint64_t bytes_max)
    : core_(on), manager_(manager), bytes_max_(bytes_max), arrived_(on) {}

read_ahead::~read_ahead() = default;

read_ahead::piece_ref read_ahead::find(log_id id, base::offset segment, uint64_t begin, uint64_t least) const {
  piece_ref best;
  for (const piece_ref& p : pieces_) {
    const bool holds = p->id == id && p->segment == segment && p->begin <= begin && begin + least < p->end;
    if (holds && (!best || best->end < p->end)) best = p;
  }
  return best;
}

reactor::task<std::optional<read_ahead::stretch>> read_ahead::take(log_id id, base::offset segment, uint64_t begin,
                                                                   uint64_t least) {
  const piece_ref found = find(id, segment, begin, least);
  if (!found) co_return std::nullopt;
  while (!found->done) co_await arrived_.wait();
  if (found->failed) co_return std::nullopt;
  ++used_;
  // What lies before is behind this reader.
  const std::vector<piece_ref> all = pieces_;
  for (const piece_ref& p : all) {
    if (p->id == id && p->segment == segment && p->done && p->begin < found->begin) forget(p.get());
  }
  co_return stretch{found->memory, found->begin, found->end};
}

void read_ahead::forget(const piece* p) {
  const auto at = std::ranges::find(pieces_, p, [](const piece_ref& one) { return one.get(); });
  if (at == pieces_.end()) return;
  bytes_ -= (*at)->memory.size();
  pieces_.erase(at);
}

void read_ahead::drop() {
  const std::vector<piece_ref> all = pieces_;
  for (const piece_ref& p : all) {
    if (p->done) forget(p.get());
  }
}

void read_ahead::forget(log_id id) {
  std::erase_if(positions_, [&](const position& p) { return p.id == id; });
  const std::vector<piece_ref> all = pieces_;
  for (const piece_ref& p : all) {
    if (p->id != id) continue;
    p->failed = true;  // for who waits for it
    if (p->done) forget(p.get());
  }
}

// ---- who reads on

bool read_ahead::went_on(base::offset wanted, const position& now) {
  const auto at = std::ranges::find_if(positions_, [&](const position& p) { return p.id == now.id && p.next == wanted; });
  const bool known = at != positions_.end();
  if (known) positions_.erase(at);
  if (positions_.size() >= positions_max) positions_.erase(positions_.begin());
  positions_.push_back(now);
  return known;
}

std::optional<uint64_t> read_ahead::begin_of(log_id id, base::offset segment, base::offset wanted) const {
  const auto known = std::ranges::find_if(
      positions_, [&](const position& p) { return p.id == id && p.segment == segment && p.next == wanted; });
  if (known == positions_.end()) return std::nullopt;
  return known->at;
}

void read_ahead::note(log_id id, const read_plan& plan, base::offset next, uint64_t position) {
  const bool known = went_on(plan.wanted, {id, plan.segment, next, position});
  if (!known || plan.bytes_max < asked_least || bytes_max_ < piece_bytes) return;
  log* l = manager_.find(id);
  segment* s = l == nullptr || l->removed_ ? nullptr : l->find_segment(plan.segment);
  if (s == nullptr || s->state != segment_state::closed || !s->indexes_complete || !s->is_open()) return;
  if (position < s->size) read_behind(*l, *s, position, plan.bytes_max);
}

/// Each stretch begins where a reader goes on that took from the one before as much as it asks for: at the last indexed
/// batch before that.
void read_ahead::read_behind(const log& l, segment& s, uint64_t from, uint32_t bytes_max) {
  uint64_t begin = block_floor(from);
  piece_ref last;
  for (unsigned i = 0; i < pieces_ahead; ++i) {
    piece_ref p = find(l.id(), s.base(), begin, 0);
    if (!p || p == last) p = start(l.id(), s, begin);
    if (!p || p->end >= s.size) return;
    const uint64_t taken = std::min<uint64_t>(p->end, p->begin + bytes_max);
    const uint64_t behind = block_floor(s.offsets.batch_start_before(static_cast<uint32_t>(taken)));
    if (behind <= p->begin) return;  // of batches so large that each is read by itself
    begin = behind;
    last = std::move(p);
  }
}

// ---- reading

/// Where others hold all of the bound, the oldest stretch that is not this log's goes.
bool read_ahead::make_room_beside(log_id id) {
  while (bytes_ + piece_bytes > bytes_max_) {
    const auto oldest = std::ranges::find_if(pieces_, [&](const piece_ref& p) { return p->done && p->id != id; });
    if (oldest == pieces_.end()) return false;
    forget(oldest->get());
  }
  return true;
}

read_ahead::piece_ref read_ahead::start(log_id id, const segment& s, uint64_t begin) {
  if (manager_.stopping() || manager_.background().closing() || !make_room_beside(id)) return nullptr;
  auto p = std::make_shared<piece>(piece{id, s.base(), begin, std::min(begin + piece_bytes, s.size), {}});
  p->memory = core_.memory().allocate(block_ceil(p->end) - begin);
  if (!p->memory) return nullptr;
  bytes_ += p->memory.size();
  pieces_.push_back(p);
  manager_.background().spawn(fill(p));
  return p;
}

reactor::task<void> read_ahead::fill(piece_ref p) {
  cold_reads::turn turn(manager_.cold(), block_ceil(p->end) - p->begin);
  const bool begun = co_await turn;
  log* l = manager_.find(p->id);
  segment* s = l == nullptr || l->removed_ ? nullptr : l->find_segment(p->segment);
  bool whole = false;
  if (begun && !p->failed && s != nullptr && s->is_open()) {
    ++l->users_;
    ++s->readers;
    const base::mutable_bytes target = p->memory.bytes().first(block_ceil(p->end) - p->begin);
    const base::result<size_t> got = co_await s->file().read(p->begin, target);
    s->last_read = core_.now();
    --s->readers;
    --l->users_;
    whole = got && *got >= p->end - p->begin && !p->failed;
  }
  p->done = true;
  p->failed = !whole;
  if (!whole) forget(p.get());
  arrived_.wake_all();
}

}  // namespace millrace::storage
