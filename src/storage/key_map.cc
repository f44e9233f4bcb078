#include "storage/key_map.hh"

#include <algorithm>

#include "base/assert.hh"

namespace millrace::storage {

key_map::key_map(reactor::chunk memory, uint64_t seed)
    : memory_(std::move(memory)), seed_(seed), capacity_(memory_.size() / sizeof(entry)), count_max_(capacity_ / 4 * 3) {
  ASSERT(count_max_ > 0 && count_max_ < capacity_);
}

key_map::entry* key_map::entries() const noexcept { return reinterpret_cast<entry*>(memory_.data()); }

bool key_map::blank(uint64_t bytes) {
  const uint64_t until = std::min(capacity_, blanked_ + bytes / sizeof(entry) + 1);
  for (; blanked_ < until; ++blanked_) new (entries() + blanked_) entry{{}, -1};
  return blanked_ == capacity_;
}

/// Where the key is, or the free place where it would be.
key_map::entry& key_map::place_of(const base::hash128& key) const {
  __extension__ using wide = unsigned __int128;
  uint64_t at = static_cast<uint64_t>((static_cast<wide>(key.low) * capacity_) >> 64);
  while (entries()[at].offset >= 0 && entries()[at].key != key) at = at + 1 == capacity_ ? 0 : at + 1;
  return entries()[at];
}

bool key_map::put(base::bytes key, base::offset at) {
  ASSERT(blanked_ == capacity_ && at.value() >= 0);
  const base::hash128 hash = base::xxh3_128(key, seed_);
  entry& place = place_of(hash);
  if (place.offset < 0) {
    if (full()) return false;
    ++count_;
    place.key = hash;
  }
  place.offset = std::max(place.offset, at.value());
  return true;
}

base::offset key_map::find(base::bytes key) const {
  ASSERT(blanked_ == capacity_);
  return base::offset(place_of(base::xxh3_128(key, seed_)).offset);
}

}  // namespace millrace::storage
