#include <algorithm>
#include <cstring>

#include "sim/file_image.hh"
#include "sim/file_pages.hh"

/// The durable half of a file: how its pieces become durable, pass each other, and are kept or
/// lost.

namespace millrace::sim {

/// The volatile truncations become durable; what they cut off of earlier changes is history.
void file_image::take_truncations() {
  for (size_t i = 0; i < pending_.size(); ++i) {
    if (pending_[i].kind != change_kind::truncate) continue;
    make_durable(pending_[i]);
    const uint64_t limit = block_limit(pending_[i].size_after);
    for (size_t k = 0; k < i; ++k) {
      change& older = pending_[k];
      if (older.kind == change_kind::truncate) continue;
      older.size_after = no_size;
      older.block_count = std::min(older.block_count, limit - std::min(limit, older.first_block));
      if (older.parts.size() > older.block_count) older.parts.resize(older.block_count);
    }
  }
  std::erase_if(pending_, [](const change& c) { return c.kind == change_kind::truncate; });
}

/// A durable write passes the volatile changes before it: what they held of its sectors and, where
/// it sets the size, of sizes can no longer come after it.
void file_image::overtake(const change& c) {
  for (change& older : pending_) {
    if (c.size_after != no_size) older.size_after = no_size;
    const uint64_t begin = std::max(older.first_block, c.first_block);
    const uint64_t limit = std::min(older.first_block + older.parts.size(), c.first_block + c.parts.size());
    for (uint64_t i = begin; i < limit; ++i) {
      older.parts[i - older.first_block].sectors &= static_cast<uint8_t>(~c.parts[i - c.first_block].sectors);
    }
  }
}

void file_image::cut_durable(uint64_t length) {
  const uint64_t limit = block_limit(length);
  for (auto group_at = groups_.lower_bound(limit / group_blocks); group_at != groups_.end(); ++group_at) {
    for (uint64_t i = 0; i < group_blocks; ++i) {
      if (group_at->first * group_blocks + i < limit) continue;
      block& b = (*group_at->second)[i];
      b.durable = {};
      b.durable_state = extent::hole;
    }
  }
  if (length % block_bytes == 0) return;
  block& last = at(length / block_bytes);
  if (!last.durable) return;
  last.durable = copy_of(last.durable);
  std::memset(last.durable->bytes.data() + length % block_bytes, 0, block_bytes - length % block_bytes);
}

void file_image::make_durable(const change& c) {
  if (c.kind == change_kind::truncate) {
    if (c.size_after < durable_size_) cut_durable(c.size_after);
    durable_size_ = c.size_after;
    return;
  }
  for (uint64_t i = 0; i < c.block_count; ++i) {
    block& b = at(c.first_block + i);
    if (c.kind == change_kind::allocate) {
      if (b.durable_state == extent::hole) b.durable_state = extent::unwritten;
    } else if (c.parts[i].data) {
      b.durable = mix(b.durable, c.parts[i].data, c.parts[i].sectors);
      b.durable_state = extent::written;
    }
  }
  if (c.size_after != no_size) durable_size_ = c.size_after;
}

/// As make_durable, each piece by chance.
void file_image::settle(const change& c, base::prng& random, double keep) {
  if (c.kind == change_kind::truncate) {
    if (random.chance(keep)) make_durable(c);
    return;
  }
  for (uint64_t i = 0; i < c.block_count; ++i) {
    block& b = at(c.first_block + i);
    if (c.kind == change_kind::allocate) {
      if (b.durable_state == extent::hole && random.chance(keep)) b.durable_state = extent::unwritten;
    } else if (c.parts[i].data) {
      b.durable = mix(b.durable, c.parts[i].data, survivors(c.parts[i].sectors, random, keep));
      if (b.durable_state != extent::written && random.chance(keep)) b.durable_state = extent::written;
    }
  }
  if (c.size_after != no_size && random.chance(keep)) durable_size_ = c.size_after;
}

void file_image::sync(uint64_t stamp) {
  size_t covered = 0;
  while (covered < pending_.size() && pending_[covered].stamp <= stamp) make_durable(pending_[covered++]);
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(covered));
}

void file_image::sync_failed(uint64_t stamp, base::prng& random) {
  size_t covered = 0;
  while (covered < pending_.size() && pending_[covered].stamp <= stamp) settle(pending_[covered++], random, 0.5);
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(covered));
}

void file_image::crash(base::prng& random, double keep) {
  for (const change& c : pending_) settle(c, random, keep);
  pending_.clear();
  cut_durable(durable_size_);  // blocks behind the end are nobody's
  size_ = durable_size_;
  blocks_ = 0;
  for (auto& [number, blocks] : groups_) {
    for (block& b : *blocks) {
      if (b.durable_state != extent::written) b.durable = {};
      b.now = b.durable;
      b.now_state = b.durable_state;
      if (b.now_state != extent::hole) ++blocks_;
    }
  }
}

}  // namespace millrace::sim
