#include "storage/tail_memory.hh"

#include "base/crc32c.hh"

namespace millrace::storage {

namespace {
constexpr size_t piece_bytes_min = 4096;
constexpr size_t piece_bytes_max = 64 << 10;
}  // namespace

tail_pool::~tail_pool() {
  ASSERT(ages.empty());
  for (tail_piece* piece : spare) delete piece;
}

tail_piece* tail_pool::take(size_t size) {
  reactor::chunk block = memory.allocate(size);
  if (!block) return nullptr;
  tail_piece* piece = nullptr;
  if (spare.empty()) {
    piece = new tail_piece;
  } else {
    piece = spare.back();
    spare.pop_back();
  }
  piece->memory = std::move(block);
  piece->first_batch = tail_piece::none;
  bytes += size;
  ages.push_back(*piece);
  return piece;
}

void tail_pool::give_back(tail_piece* piece) {
  bytes -= piece->memory.size();
  piece->unlink();
  piece->memory.leave();
  piece->log_of = nullptr;
  spare.push_back(piece);
}

void tail_memory::push_back(tail_piece* piece) {
  if (count_ == ring_.size()) {
    std::vector<tail_piece*> larger(std::max<size_t>(4, ring_.size() * 2));
    for (size_t i = 0; i < count_; ++i) larger[i] = at(i);
    ring_.swap(larger);
    head_ = 0;
  }
  ring_[(head_ + count_) & (ring_.size() - 1)] = piece;
  ++count_;
}

bool tail_memory::reserve(base::offset segment, uint64_t position, uint64_t bytes) {
  ASSERT(position % block_bytes == 0 || find(segment, position - 1) != nullptr);
  const uint64_t wanted = position + bytes;
  uint64_t have = block_floor(position);
  size_t size = piece_bytes_min;
  if (count_ > 0) {
    const tail_piece& last = *at(count_ - 1);
    // The busier a log, the larger its pieces; a log that lost all of them to eviction starts small again.
    size = std::min(piece_bytes_max, last.memory.size() * 2);
    if (last.segment == segment) have = last.limit();
  }
  size_t most = piece_bytes_max;  // what memory still has
  while (have < wanted) {
    if (wanted - have > piece_bytes_max / 2) size = piece_bytes_max;
    size = std::min(size, most);
    tail_piece* piece = pool_.take(size);
    if (piece == nullptr) {
      if (size == piece_bytes_min) {
        trim(segment, position);
        return false;
      }
      most = size / 2;
      continue;
    }
    piece->log_of = &of_;
    piece->segment = segment;
    piece->begin = have;
    push_back(piece);
    have = piece->limit();
    size = std::min(piece_bytes_max, size * 2);
  }
  return true;
}

void tail_memory::trim(base::offset segment, uint64_t end) {
  while (count_ > 0) {
    tail_piece* last = at(count_ - 1);
    if (last->segment != segment || last->begin < end) break;
    pool_.give_back(last);
    --count_;
  }
}

void tail_memory::write(base::offset segment, uint64_t position, base::bytes source, uint32_t* crc) {
  ranges(segment, position, position + source.size(), [&](const tail_piece&, const uint8_t* data, uint32_t size) {
    uint8_t* target = const_cast<uint8_t*>(data);  // the reserved end of our own piece
    if (crc != nullptr) {
      *crc = base::crc32c_copy(*crc, target, source.data(), size);
    } else {
      std::memcpy(target, source.data(), size);
    }
    source = source.subspan(size);
  });
}

void tail_memory::note_batch(base::offset segment, uint64_t position, base::offset base) {
  const size_t i = index_of(segment, position);
  ASSERT(i < count_);
  tail_piece& piece = *at(i);
  if (piece.first_batch != tail_piece::none) return;
  piece.first_batch = static_cast<uint32_t>(position - piece.begin);
  piece.first_offset = base;
}

bool tail_memory::adopt(base::offset segment, uint64_t end, base::bytes block) {
  ASSERT(block.size() == end - block_floor(end) && !block.empty());
  tail_piece* piece = pool_.take(piece_bytes_min);
  if (piece == nullptr) return false;
  piece->log_of = &of_;
  piece->segment = segment;
  piece->begin = block_floor(end);
  std::memcpy(piece->memory.data(), block.data(), block.size());
  push_back(piece);
  return true;
}

size_t tail_memory::index_of(base::offset segment, uint64_t position) const {
  // Most questions are about the end.
  if (count_ > 0) {
    const tail_piece& last = *at(count_ - 1);
    if (last.segment == segment && last.begin <= position) return position < last.limit() ? count_ - 1 : count_;
  }
  size_t low = 0;
  size_t high = count_;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    const tail_piece& piece = *at(middle);
    if (piece.segment < segment || (piece.segment == segment && piece.limit() <= position)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == count_) return count_;
  const tail_piece& piece = *at(low);
  return piece.segment == segment && piece.begin <= position ? low : count_;
}

std::optional<uint64_t> tail_memory::begin_of(base::offset segment) const {
  size_t low = 0;
  size_t high = count_;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (at(middle)->segment < segment) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == count_ || at(low)->segment != segment) return std::nullopt;
  return at(low)->begin;
}

const tail_piece* tail_memory::find(base::offset segment, uint64_t position) const {
  const size_t i = index_of(segment, position);
  return i < count_ ? at(i) : nullptr;
}

const tail_piece* tail_memory::first_with_batch(base::offset segment) const {
  const auto begin = begin_of(segment);
  if (!begin) return nullptr;
  for (size_t i = index_of(segment, *begin); i < count_ && at(i)->segment == segment; ++i) {
    if (at(i)->first_batch != tail_piece::none) return at(i);
  }
  return nullptr;
}

void tail_memory::copy(base::offset segment, uint64_t begin, uint64_t end, uint8_t* target) const {
  ranges(segment, begin, end, [&](const tail_piece&, const uint8_t* data, uint32_t size) {
    std::memcpy(target, data, size);
    target += size;
  });
}

uint32_t tail_memory::crc(base::offset segment, uint64_t begin, uint64_t end) const {
  uint32_t sum = 0;
  ranges(segment, begin, end,
         [&](const tail_piece&, const uint8_t* data, uint32_t size) { sum = base::crc32c(sum, base::bytes(data, size)); });
  return sum;
}

void tail_memory::drop_front() {
  ASSERT(count_ > 0);
  pool_.give_back(at(0));
  head_ = (head_ + 1) & (ring_.size() - 1);
  --count_;
}

void tail_memory::clear() {
  while (count_ > 0) drop_front();
}

}  // namespace millrace::storage
