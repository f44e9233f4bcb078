#pragma once

#include <cstdint>

#include "base/bytes.hh"
#include "base/hash.hh"
#include "base/tagged.hh"
#include "reactor/memory.hh"

/// The newest offset of each key, in a fixed piece of a core's memory: what a pass of compaction knows. A key is known by
/// its 128-bit hash, seeded anew for each map, so that nobody who chooses keys can make two of them one. Open addressing, 24
/// bytes an entry; full at three quarters.

namespace millrace::storage {

class key_map {
 public:
  /// `memory` is the map's; nothing is known of its contents.
  key_map(reactor::chunk memory, uint64_t seed);

  /// Blanks about `bytes` more of the memory; true when all of it is and the map may be used.
  bool blank(uint64_t bytes);
  /// False where the map is full and the key is not in it: nothing changed.
  [[nodiscard]] bool put(base::bytes key, base::offset at);
  /// -1 for a key that is not in the map.
  base::offset find(base::bytes key) const;

  uint64_t count() const noexcept { return count_; }
  bool full() const noexcept { return count_ == count_max_; }

 private:
  struct entry {
    base::hash128 key;
    int64_t offset;  ///< -1: none
  };
  entry* entries() const noexcept;
  entry& place_of(const base::hash128& key) const;

  reactor::chunk memory_;
  const uint64_t seed_;
  uint64_t capacity_;
  uint64_t count_max_;
  uint64_t count_ = 0;
  uint64_t blanked_ = 0;  ///< entries
};

}  // namespace millrace::storage
