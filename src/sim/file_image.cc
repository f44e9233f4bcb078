#include "sim/file_image.hh"

#include <algorithm>
#include <cstring>

#include "base/assert.hh"
#include "sim/file_pages.hh"

namespace millrace::sim {

namespace {

/// Copies bytes out of gathered pieces, front to back.
class gatherer {
 public:
  explicit gatherer(std::span<const iovec> pieces) : pieces_(pieces) {}

  void copy(uint8_t* target, size_t count) {
    while (count > 0) {
      ASSERT(!pieces_.empty());
      const iovec& piece = pieces_.front();
      const size_t n = std::min(count, piece.iov_len - offset_);
      if (n > 0) std::memcpy(target, static_cast<const uint8_t*>(piece.iov_base) + offset_, n);
      target += n;
      count -= n;
      offset_ += n;
      if (offset_ == piece.iov_len) {
        pieces_ = pieces_.subspan(1);
        offset_ = 0;
      }
    }
  }

 private:
  std::span<const iovec> pieces_;
  size_t offset_ = 0;
};

}  // namespace

file_image::block& file_image::at(uint64_t index) {
  auto& found = groups_[index / group_blocks];
  if (!found) found = std::make_unique<group>();
  return (*found)[index % group_blocks];
}

const file_image::block* file_image::find(uint64_t index) const {
  const auto found = groups_.find(index / group_blocks);
  return found == groups_.end() ? nullptr : &(*found->second)[index % group_blocks];
}

file_image::extent file_image::extent_at(uint64_t position) const {
  const block* b = find(position / block_bytes);
  return b == nullptr ? extent::hole : b->now_state;
}

uint64_t file_image::holes_in(uint64_t position, uint64_t length) const {
  uint64_t holes = 0;
  if (length == 0) return 0;
  for (uint64_t i = position / block_bytes; i < block_limit(position + length); ++i) {
    const block* b = find(i);
    if (b == nullptr || b->now_state == extent::hole) ++holes;
  }
  return holes;
}

size_t file_image::read(uint64_t position, base::mutable_bytes target) const {
  if (position >= size_) return 0;
  const size_t total = std::min<uint64_t>(target.size(), size_ - position);
  for (size_t done = 0; done < total;) {
    const uint64_t from = (position + done) % block_bytes;
    const size_t n = std::min<uint64_t>(block_bytes - from, total - done);
    const block* b = find((position + done) / block_bytes);
    if (b != nullptr && b->now_state == extent::written && b->now) {
      std::memcpy(target.data() + done, b->now->bytes.data() + from, n);
    } else {
      std::memset(target.data() + done, 0, n);
    }
    done += n;
  }
  return total;
}

std::vector<uint8_t> file_image::durable_contents() const {
  std::vector<uint8_t> out(durable_size_, 0);
  for (const auto& [number, blocks] : groups_) {
    for (uint64_t i = 0; i < group_blocks; ++i) {
      const block& b = (*blocks)[i];
      const uint64_t position = (number * group_blocks + i) * block_bytes;
      if (b.durable_state != extent::written || !b.durable || position >= out.size()) continue;
      std::memcpy(out.data() + position, b.durable->bytes.data(), std::min(block_bytes, out.size() - position));
    }
  }
  return out;
}

/// Puts bytes into the view of reads and says what is volatile now. With `torn`, only some sectors,
/// and no size.
file_image::change file_image::lay(uint64_t position, std::span<const iovec> pieces, uint64_t length, uint64_t stamp,
                                   base::prng* torn) {
  gatherer source(pieces);
  const uint64_t first = position / block_bytes;
  const uint64_t limit = block_limit(position + length);
  change c{stamp, change_kind::write, first, limit - first, no_size};
  c.parts.reserve(limit - first);
  const uint64_t end = position + length;
  for (uint64_t i = first; i < limit; ++i) {
    const uint64_t begin_in_block = i == first ? position % block_bytes : 0;
    const uint64_t end_in_block = std::min(block_bytes, end - i * block_bytes);
    const bool whole = begin_in_block == 0 && end_in_block == block_bytes;
    block& b = at(i);
    ref<page> fresh = whole ? ref<page>(new page) : copy_of(b.now);
    source.copy(fresh->bytes.data() + begin_in_block, end_in_block - begin_in_block);
    uint8_t sectors = sectors_of(begin_in_block, end_in_block);
    if (torn != nullptr) {
      sectors = survivors(sectors, *torn, 0.5);
      if (sectors == 0 || i * block_bytes >= size_) {
        c.parts.push_back({});
        continue;
      }
      fresh = mix(b.now, fresh, sectors);
    }
    if (b.now_state == extent::hole) ++blocks_;
    b.now_state = extent::written;
    b.now = fresh;
    c.parts.push_back({std::move(fresh), sectors});
  }
  if (torn == nullptr && end > size_) c.size_after = size_ = end;
  return c;
}

void file_image::write(uint64_t position, std::span<const iovec> pieces, uint64_t length, bool durable, uint64_t stamp) {
  if (length == 0) return;
  change c = lay(position, pieces, length, stamp, nullptr);
  if (!durable) {
    pending_.push_back(std::move(c));
    return;
  }
  take_truncations();
  c.size_after = durable_size_ < position + length ? size_ : no_size;
  overtake(c);
  make_durable(c);
}

void file_image::write_torn(uint64_t position, std::span<const iovec> pieces, uint64_t length, uint64_t stamp,
                            base::prng& random) {
  if (length > 0) pending_.push_back(lay(position, pieces, length, stamp, &random));
}

void file_image::allocate(uint64_t position, uint64_t length, uint64_t stamp) {
  if (length == 0) return;
  change c{stamp, change_kind::allocate, position / block_bytes, 0, no_size};
  c.block_count = block_limit(position + length) - c.first_block;
  for (uint64_t i = 0; i < c.block_count; ++i) {
    block& b = at(c.first_block + i);
    if (b.now_state != extent::hole) continue;
    b.now_state = extent::unwritten;
    ++blocks_;
  }
  if (position + length > size_) c.size_after = size_ = position + length;
  pending_.push_back(std::move(c));
}

void file_image::truncate(uint64_t length, uint64_t stamp) {
  if (length == size_) return;
  if (length < size_) cut_now(length);
  size_ = length;
  pending_.push_back({stamp, change_kind::truncate, 0, 0, length});
}

void file_image::cut_now(uint64_t length) {
  const uint64_t limit = block_limit(length);
  for (auto group_at = groups_.lower_bound(limit / group_blocks); group_at != groups_.end(); ++group_at) {
    for (uint64_t i = 0; i < group_blocks; ++i) {
      block& b = (*group_at->second)[i];
      if (group_at->first * group_blocks + i < limit || b.now_state == extent::hole) continue;
      b.now = {};
      b.now_state = extent::hole;
      --blocks_;
    }
  }
  if (length % block_bytes == 0) return;
  block& last = at(length / block_bytes);
  if (!last.now) return;
  last.now = copy_of(last.now);
  std::memset(last.now->bytes.data() + length % block_bytes, 0, block_bytes - length % block_bytes);
}

bool file_image::corrupt(uint64_t position, uint64_t length, damage how, base::prng& random) {
  if (length == 0 || position > size_ || length > size_ - position) return false;
  const uint64_t bit_at = position + random.below(length);
  const uint8_t bit = static_cast<uint8_t>(1u << random.below(8));
  for (uint64_t i = position / block_bytes; i < block_limit(position + length); ++i) {
    const uint64_t begin = std::max(position, i * block_bytes) - i * block_bytes;
    const uint64_t end = std::min(position + length, (i + 1) * block_bytes) - i * block_bytes;
    block& b = at(i);
    const ref<page> old = b.now;
    ref<page> fresh = copy_of(old);
    for (uint64_t k = begin; k < end; ++k) {
      uint8_t& byte = fresh->bytes[k];
      if (how == damage::zeros) byte = 0;
      if (how == damage::garbage) byte = static_cast<uint8_t>(random.next());
      if (how == damage::flip_bit && i * block_bytes + k == bit_at) byte ^= bit;
    }
    for (change& c : pending_) {
      if (i < c.first_block || i - c.first_block >= c.parts.size()) continue;
      ref<page>& held = c.parts[i - c.first_block].data;
      if (held && held == old) held = fresh;
    }
    b.durable = b.durable == old ? fresh : mix(b.durable, fresh, sectors_of(begin, end));
    if (b.now_state == extent::hole) ++blocks_;
    b.now = fresh;
    b.now_state = extent::written;
  }
  return true;
}

bool file_image::misdirect(uint64_t source, uint64_t target, uint64_t length) {
  const auto fits = [&](uint64_t at) { return at % sector_bytes == 0 && at <= size_ && length <= size_ - at; };
  if (length == 0 || length % sector_bytes != 0 || !fits(source) || !fits(target)) return false;
  std::vector<uint8_t> moved(length);
  (void)read(source, moved);
  std::vector<uint8_t> nothing(length, 0);
  const iovec there{moved.data(), length};
  const iovec here{nothing.data(), length};
  change gone = lay(source, {&here, 1}, length, 0, nullptr);
  make_durable(gone);
  change came = lay(target, {&there, 1}, length, 0, nullptr);
  make_durable(came);
  return true;
}

}  // namespace millrace::sim
