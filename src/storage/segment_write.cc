#include "storage/segment_write.hh"

#include <cerrno>
#include <cstring>

#include "base/mutant.hh"

namespace millrace::storage {

class segment_write final : public reactor::op {
 public:
  explicit segment_write(segment_writer& w) : reactor::op(reactor::op_kind::write), writer(w) {}
  void run(reactor::core& on) override;
  const char* what() const noexcept override { return "segment write"; }
  void start(reactor::core& on);

  segment_writer& writer;
  log* of = nullptr;
  segment* into = nullptr;
  segment_write_owner* told = nullptr;
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t bytes = 0;  ///< of the whole write
  bool is_tail_block = false;
  bool resumed = false;
  bool again = false;
  reactor::chunk padded;
  std::vector<iovec> pieces;
};

void segment_write::start(reactor::core& on) {
  handle = into->handle();
  position = begin;
  durable = !(is_tail_block && base::mutated(base::mutant::free_before_flushed));
  iov = pieces.data();
  iov_count = static_cast<uint32_t>(pieces.size());
  on.submit(*this);
}

void segment_write::run(reactor::core& on) {
  const auto wanted = static_cast<int64_t>(end - begin);
  if (result < 0) return writer.ended(*this, static_cast<int>(-result));
  if (result == wanted) return writer.ended(*this, 0);
  const uint64_t whole = block_floor(static_cast<uint64_t>(result));
  if (resumed) return writer.ended(*this, EIO);
  // A short write goes on once, from its last whole block: what lies before is in the file by RWF_DSYNC.
  resumed = true;
  begin += whole;
  uint64_t skip = whole;
  while (skip > 0) {
    iovec& first = pieces.front();
    const uint64_t step = std::min<uint64_t>(skip, first.iov_len);
    first.iov_base = static_cast<uint8_t*>(first.iov_base) + step;
    first.iov_len -= step;
    skip -= step;
    if (first.iov_len == 0) pieces.erase(pieces.begin());
  }
  start(on);
}

segment_writer::~segment_writer() {
  ASSERT(in_flight_ == 0);
  for (segment_write* w : all_) delete w;
}

void segment_writer::abandon() noexcept { in_flight_ = 0; }

uint64_t segment_writer::bytes_in_flight(const segment_write_owner& told) const {
  uint64_t sum = 0;
  for (const segment_write* w : all_) {
    if (w->told == &told) sum += w->bytes;
  }
  return sum;
}

segment_write& segment_writer::take(log& l, segment& s, segment_write_owner& told) {
  if (spare_.empty()) {
    all_.push_back(new segment_write(*this));
    spare_.push_back(all_.back());
  }
  segment_write& w = *spare_.back();
  spare_.pop_back();
  w.of = &l;
  w.into = &s;
  w.told = &told;
  w.resumed = false;
  w.again = false;
  w.pieces.clear();
  ++l.writes_;
  ++in_flight_;
  return w;
}

uint64_t segment_writer::write_blocks(log& l, segment& s, uint64_t end, segment_write_owner& told) {
  ASSERT(end % block_bytes == 0 && s.issued < end && end <= s.allocated && s.is_open());
  segment_write& w = take(l, s, told);
  w.is_tail_block = false;
  w.begin = s.issued;
  w.end = std::min(end, s.issued + bytes_max);
  l.tail_.ranges(s.base(), w.begin, w.end, [&](const tail_piece&, const uint8_t* data, uint32_t size) {
    w.pieces.push_back({const_cast<uint8_t*>(data), size});
  });
  s.issued = w.end;
  s.pending_writes.push_back({w.end, false});
  note_bytes(w);
  w.start(core_);
  return s.issued;
}

void segment_writer::write_tail_block(log& l, segment& s, uint64_t end, reactor::chunk block, segment_write_owner& told) {
  const uint64_t begin = block_floor(end);
  ASSERT(begin < end && s.issued == begin && begin + block_bytes <= s.allocated && s.is_open());
  // A copy: the next append goes on in the tail's own block, and memory under a write does not change.
  l.tail_.copy(s.base(), begin, end, block.data());
  std::memset(block.data() + (end - begin), 0, block_bytes - (end - begin));
  segment_write& w = take(l, s, told);
  w.is_tail_block = true;
  ++s.tail_block_writes;
  w.begin = begin;
  w.end = begin + block_bytes;
  w.pieces.push_back({block.data(), block_bytes});
  w.padded = std::move(block);
  note_bytes(w);
  w.start(core_);
}

void segment_writer::note_bytes(segment_write& w) {
  w.bytes = w.end - w.begin;
  bytes_in_flight_ += w.bytes;
}

void segment_writer::ended(segment_write& w, int error) {
  log& l = *w.of;
  segment& s = *w.into;
  segment_write_owner& told = *w.told;
  if (error != 0 && !w.again && told.write_again(l)) {
    w.again = true;
    w.resumed = false;
    return w.start(core_);
  }
  if (w.is_tail_block) --s.tail_block_writes;
  if (error == 0 && !w.is_tail_block) {
    for (auto& pending : s.pending_writes) {
      if (pending.end == w.end) pending.done = true;
    }
    while (!s.pending_writes.empty() && s.pending_writes.front().done) {
      s.written = s.pending_writes.front().end;
      s.pending_writes.erase(s.pending_writes.begin());
    }
  }
  w.padded = {};
  w.told = nullptr;
  bytes_in_flight_ -= w.bytes;
  spare_.push_back(&w);
  --l.writes_;
  --in_flight_;
  told.segment_written(l, error);
}

}  // namespace millrace::storage
