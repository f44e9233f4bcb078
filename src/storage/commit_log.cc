#include "storage/commit_log.hh"

#include <bit>
#include <cerrno>

#include "base/crc32c.hh"
#include "base/mutant.hh"
#include "storage/log_manager.hh"

namespace millrace::storage {

/// One group in flight: the write of its record, and a count of the direct segment writes beside it.
struct commit_log::group final : reactor::op, segment_write_owner {
  explicit group(commit_log& l) : reactor::op(reactor::op_kind::write), owner(l) {}
  void run(reactor::core& on) override;
  void segment_written(log&, int error) override {
    owner.manager_.segment_write_ended();
    owner.part_done(*this, error);
  }
  /// The log whose write it was goes offline. But the record says that its bytes are there, and a record is taken as a
  /// whole: for the other logs' sake they are written once more. Only if that fails too is the group lost.
  bool write_again(log& l) override {
    owner.manager_.take_offline(l, "segment write failed");
    return true;
  }
  const char* what() const noexcept override { return "commit group"; }

  commit_log& owner;
  std::vector<part> parts;
  std::vector<record_entry> entries;
  std::vector<const log*> sources;  ///< of each entry
  reactor::chunk buffer;
  iovec piece{};
  uint64_t number = 0;
  uint64_t bytes = 0;  ///< of the record and the direct writes
  base::instant begun{};
  uint64_t left = 0;     ///< bytes of the record not yet written
  unsigned pending = 0;  ///< the record's write and the direct writes
  int error = 0;         ///< errno of the first that failed
  bool resumed = false;
};

namespace {
constexpr size_t buffer_bytes_min = 64 << 10;
constexpr size_t buffer_bytes_kept = 256 << 10;  ///< unless the smallest is larger
/// How much one log may put inline into one group when its segment's file is not ready for a direct write.
constexpr uint64_t inline_bytes_burst = 1u << 20;
/// So many groups may be in flight whatever their size; one more where those together have fewer bytes.
constexpr unsigned groups_of_any_size = 2;
constexpr uint64_t small_bytes_in_flight = 256u << 10;
}  // namespace

commit_log::commit_log(reactor::core& on, log_manager& manager, segment_writer& writer, commit_log_options options)
    : core_(on),
      manager_(manager),
      writer_(writer),
      options_(options),
      inline_bytes_max_(static_cast<uint32_t>(std::min<uint64_t>(options.inline_bytes_max, options.file_bytes / 16))),
      buffer_bytes_least_(
          std::max<uint64_t>(buffer_bytes_min, std::bit_ceil(record_size(1, inline_bytes_max_ + 2 * block_bytes)))) {
  ASSERT(options_.groups_in_flight <= groups_in_flight_max);
  for (unsigned i = 0; i < options_.groups_in_flight; ++i) groups_.push_back(std::make_unique<group>(*this));
}

commit_log::~commit_log() { ASSERT(in_flight_ == 0); }

bool commit_log::lend_buffers() {
  for (auto& g : groups_) {
    g->buffer = core_.memory().allocate(buffer_bytes_least_);
    if (!g->buffer) return false;
  }
  return true;
}

void commit_log::abandon() noexcept {
  in_flight_ = 0;
  waiting_.clear();
  waiting_count_ = 0;
  file_.abandon();
}

void commit_log::enqueue(log& l, uint64_t bytes) {
  backlog_ += bytes;
  if (!static_cast<base::list_hook<waiting_tag>&>(l).linked()) {
    waiting_.push_back(l);
    ++waiting_count_;
  }
  core_.at_turn_end(*this);
}

void commit_log::forget(log& l) {
  auto& hook = static_cast<base::list_hook<waiting_tag>&>(l);
  if (!hook.linked()) return;
  hook.unlink();
  --waiting_count_;
  backlog_ -= std::min(backlog_, l.unstaged_bytes());
}

void commit_log::at_turn_end() {
  for (log& l : waiting_) {
    if (l.config_.acknowledge_from_memory) l.acknowledge(l.end_);
  }
  while (!failed_ && !waiting_.empty() && may_start()) {
    if (!start_group()) break;
  }
}

bool commit_log::may_start() const {
  if (in_flight_ >= groups_.size()) return false;
  if (in_flight_ < groups_of_any_size) return true;
  uint64_t bytes = 0;
  for (uint64_t n = completed_ + 1; n < next_number_; ++n) bytes += groups_[n % groups_.size()]->bytes;
  return bytes < small_bytes_in_flight;
}

uint64_t commit_log::place_for(uint64_t bytes) const {
  const uint64_t behind = ring_bytes_ - head_ % ring_bytes_;
  return bytes <= behind ? head_ : head_ + behind;
}

bool commit_log::start_group() {
  const uint64_t largest = std::min<uint64_t>(record_bytes_max, ring_bytes_ / 4);
  const uint64_t at = place_for(largest);
  const uint64_t limit = std::min(tail_ + ring_bytes_, prepared_);
  const uint64_t free = limit > at ? limit - at : 0;
  group& g = *groups_[next_number_ % groups_.size()];

  uint64_t wanted = record_size(waiting_count_, backlog_ + waiting_count_ * block_bytes);
  wanted = std::bit_ceil(std::min(wanted, largest));
  for (uint64_t size = wanted; size > g.buffer.size(); size /= 2) {
    reactor::chunk larger = core_.memory().allocate(size);
    if (larger) g.buffer = std::move(larger);
  }
  const uint64_t room = std::min({largest, free, uint64_t{g.buffer.size()}});
  if (room < std::min(buffer_bytes_least_, largest)) {
    manager_.commit_space_wanted();
    return false;
  }
  g.entries.clear();
  g.sources.clear();
  g.parts.clear();
  g.pending = 1;
  g.bytes = 0;
  g.error = 0;
  g.resumed = false;
  g.number = next_number_;
  uint64_t inline_bytes = 0;
  if (!collect(g, room, inline_bytes)) return false;
  write_record(g, at, inline_bytes);
  return true;
}

/// Takes waiting logs, oldest first, while the record has room for them. False where nothing could be taken.
bool commit_log::collect(group& g, uint64_t room, uint64_t& inline_bytes) {
  base::intrusive_list<log, waiting_tag> later;
  while (!waiting_.empty()) {
    log& l = waiting_.pop_front();
    if (add_log(g, l, room, inline_bytes)) {
      --waiting_count_;
    } else {
      later.push_back(l);
    }
    if (record_size(g.entries.size() + 2, inline_bytes + block_bytes) > room) break;
  }
  later.splice_back(waiting_);
  waiting_.splice_back(later);
  return !g.parts.empty();
}

/// Adds what `l` has waiting, segment by segment. True where all of it is in the group now.
bool commit_log::add_log(group& g, log& l, uint64_t room, uint64_t& inline_bytes) {
  const size_t entries = g.entries.size();
  while (l.staged_.next < l.end_.next) {
    segment& s = *l.find_segment(l.staged_.segment);
    if (l.staged_.position == s.size) {  // it was rolled just here
      l.staged_.segment = l.staged_.next;
      l.staged_.position = 0;
      continue;
    }
    const uint64_t used = record_size(g.entries.size() + 1, inline_bytes);
    const uint64_t left = room > used ? room - used : 0;
    if (!add_range(g, l, s, left, inline_bytes)) break;
  }
  if (g.entries.size() == entries) return false;
  ++l.groups_;
  g.parts.push_back({&l, l.staged_});
  return l.staged_.next == l.end_.next;
}

bool commit_log::may_write_directly(const log& l, const segment& s, uint64_t end) const {
  return end - l.staged_.position >= inline_bytes_max_ && s.is_open() && block_floor(end) <= s.allocated &&
         block_floor(end) > s.issued && s.may_write_at_end(completed_);
}

/// Adds the bytes of one segment, from the log's staged point as far as `left` bytes of record allow; moves the point.
bool commit_log::add_range(group& g, log& l, segment& s, uint64_t left, uint64_t& inline_bytes) {
  uint64_t end = s.size;
  record_entry e{.id = l.id_, .segment = s.base(), .first = l.staged_.next};
  if (may_write_directly(l, s, end)) {
    if (left < block_bytes) return false;
    e.begin = s.issued;
    e.direct_end = block_floor(end);
    e.direct_crc = l.tail_.crc(s.base(), e.begin, e.direct_end);
    while (s.issued < e.direct_end) {
      ++g.pending;
      writer_.write_blocks(l, s, e.direct_end, g);
    }
    manager_.note_direct(e.direct_end - e.begin);
    g.bytes += e.direct_end - e.begin;
  } else {
    e.begin = std::min(l.staged_.position, s.protect_from);
    const uint64_t most = std::min(left, inline_bytes_burst + block_bytes);
    if (end - e.begin > most) {
      manager_.prepare(l, s);
      const uint64_t repeated = l.staged_.position - e.begin;
      if (most <= repeated) return false;
      end = l.cut_to_batches(s, l.staged_.position, end, static_cast<uint32_t>(most - repeated), false);
      // A batch that does not fit goes directly, later: its block must be protected by then.
      if (end == l.staged_.position && repeated == 0) return false;
    }
    e.direct_end = e.begin;
    if (s.protect_from != segment::no_protection) {
      s.protect_from = segment::no_protection;
      s.guard = g.number;
    }
  }
  e.end = end;
  e.next = end == l.staged_.position ? e.first : end == s.size ? l.end_of(s) : l.base_offset_at(s, end);
  e.epoch = l.epoch_of(e.first);
  inline_bytes += e.inline_bytes();
  backlog_ -= std::min(backlog_, end - l.staged_.position);
  l.staged_.position = end;
  l.staged_.next = e.next;
  g.entries.push_back(e);
  g.sources.push_back(&l);
  return true;
}

void commit_log::write_record(group& g, uint64_t at, uint64_t inline_bytes) {
  const uint64_t size = record_size(g.entries.size(), inline_bytes);
  ASSERT(size <= g.buffer.size());
  uint8_t* target = g.buffer.data() + record_header_bytes + g.entries.size() * record_entry_bytes;
  for (size_t i = 0; i < g.entries.size(); ++i) {
    record_entry& e = g.entries[i];
    uint32_t crc = 0;
    g.sources[i]->tail_.ranges(e.segment, e.direct_end, e.end, [&](const tail_piece&, const uint8_t* data, uint32_t n) {
      crc = base::crc32c_copy(crc, target, data, n);
      target += n;
    });
    e.inline_crc = crc;
  }
  std::memset(target, 0, static_cast<size_t>(g.buffer.data() + size - target));
  const record_header header{.commit_log = id_,
                             .number = g.number,
                             .previous = last_digest_,
                             .durable = completed_,
                             .entries = static_cast<uint32_t>(g.entries.size()),
                             .bytes = static_cast<uint32_t>(size)};
  places_.push_back({at, g.number, last_digest_});
  last_digest_ = seal_record({g.buffer.data(), size}, header, g.entries);
  for (const part& p : g.parts) p.of->mark_dirty(at);
  head_ = at + size;
  ++next_number_;
  ++in_flight_;
  manager_.note_group(g.parts.size(), size);

  g.bytes += size;
  g.begun = core_.effects().clock();
  g.left = size;
  g.piece = {g.buffer.data(), size};
  g.iov = &g.piece;
  g.iov_count = 1;
  g.handle = file_.handle();
  g.position = file_position(at);
  g.durable = true;
  core_.submit(g);
  if (base::mutated(base::mutant::acknowledge_before_written)) {
    for (const part& p : g.parts) p.of->acknowledge(p.end);
  }
}

void commit_log::group::run(reactor::core& on) {
  if (result < 0) return owner.part_done(*this, static_cast<int>(-result));
  if (static_cast<uint64_t>(result) == left) return owner.part_done(*this, 0);
  if (resumed) return owner.part_done(*this, EIO);
  // A short write goes on once, from its last whole block.
  resumed = true;
  const uint64_t whole = block_floor(static_cast<uint64_t>(result));
  piece.iov_base = static_cast<uint8_t*>(piece.iov_base) + whole;
  piece.iov_len -= whole;
  position += whole;
  left -= whole;
  on.submit(*this);
}

void commit_log::part_done(group& g, int error) {
  if (g.error == 0) g.error = error;
  ASSERT(g.pending > 0);
  --g.pending;
  if (g.pending == 0 && base::mutated(base::mutant::pass_gap_in_groups)) {
    for (const part& p : g.parts) p.of->acknowledge(p.end);
  }
  if (g.pending == 0) complete_in_order();
}

/// An answer leaves when its group and all earlier ones are complete.
void commit_log::complete_in_order() {
  while (completed_ + 1 < next_number_) {
    group& g = *groups_[(completed_ + 1) % groups_.size()];
    if (g.pending > 0) break;
    --in_flight_;
    if (g.error != 0 && !failed_) fail(g.error);
    ++completed_;
    finish(g);
  }
  manager_.groups_completed();
  look_again();
}

void commit_log::finish(group& g) {
  flushes_.latency.record(core_.now() - g.begun);
  flushes_.bytes.record(g.bytes);
  flushes_.logs.record(g.parts.size());
  for (const part& p : g.parts) {
    log& l = *p.of;
    --l.groups_;
    if (failed_) {
      manager_.take_offline(l, "commit log write failed");
      continue;
    }
    l.durable_ = p.end;
    if (l.offline_) continue;  // its listener was told that no more will be acknowledged
    if (l.acknowledged_.next < p.end.next) l.acknowledge(p.end);
    manager_.became_durable(l);
  }
  g.parts.clear();
  if (g.buffer.size() > std::max<uint64_t>(buffer_bytes_kept, buffer_bytes_least_)) {
    g.buffer = {};
    g.buffer = core_.memory().allocate(buffer_bytes_least_);
  }
}

void commit_log::fail(int error) {
  failed_ = true;
  core_.log().error("storage", "commit log write failed: this core accepts no more", base::field("path", path_),
                    base::field("errno", error));
  manager_.commit_failed();
}

commit_log::redo_point commit_log::redo_from(uint64_t position) const {
  // Records lie in order of position; the first that is not before `position` begins the redo.
  auto first = places_.begin() + static_cast<ptrdiff_t>(places_begin_);
  const auto found =
      std::lower_bound(first, places_.end(), position, [](const record_place& r, uint64_t p) { return r.position < p; });
  if (found == places_.end()) return {next_number_, file_position(head_ % ring_bytes_), last_digest_, head_};
  return {found->number, file_position(found->position), found->previous_digest, found->position};
}

void commit_log::release(const redo_point& point) {
  while (places_begin_ < places_.size() && places_[places_begin_].position < point.position) ++places_begin_;
  if (places_begin_ > 1024 && places_begin_ * 2 > places_.size()) {
    places_.erase(places_.begin(), places_.begin() + static_cast<ptrdiff_t>(places_begin_));
    places_begin_ = 0;
  }
  ASSERT(tail_ <= point.position && point.position <= head_);
  tail_ = point.position;
  core_.at_turn_end(*this);
}

}  // namespace millrace::storage
