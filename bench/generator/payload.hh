#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hh"
#include "base/hash.hh"

/// What a record's value holds, so that whoever reads it can check it. Little endian:
///
///    0  magic      uint32
///    4  producer   uint32   its number in the run
///    8  run        uint64   the same for all processes of a run
///   16  sequence   uint64   counted from 0 for each producer and partition
///   24  intended   int64    when it should have been sent: ns since 1970
///   32  check      uint64   XXH3 of what follows these 40 bytes, mixed with the fields above, the partition and the key
///   40  letters

namespace millrace::generator {

/// Where a record belongs: what its check holds of its partition and its key.
inline uint64_t payload_place(int32_t partition, const std::optional<base::bytes>& key) {
  return base::hash_combine(key ? base::xxh3(*key) : 0, static_cast<uint64_t>(partition));
}

struct payload_header {
  static constexpr uint32_t magic = 0x3242524d;  // "MRB2"
  static constexpr size_t size = 40;

  uint32_t producer = 0;
  uint64_t run = 0;
  uint64_t sequence = 0;
  int64_t intended_ns = 0;

  /// The check for a body with that XXH3 at that place.
  uint64_t check(uint64_t body_hash, uint64_t place) const {
    const uint64_t who = base::hash_combine(base::hash_combine(place, run), producer);
    return body_hash ^ base::hash_combine(base::hash_combine(who, sequence), static_cast<uint64_t>(intended_ns));
  }
  void store(uint8_t* at, uint64_t body_hash, uint64_t place) const {
    base::store_little(at, magic);
    base::store_little(at + 4, producer);
    base::store_little(at + 8, run);
    base::store_little(at + 16, sequence);
    base::store_little(at + 24, intended_ns);
    base::store_little(at + 32, check(body_hash, place));
  }
  /// False: these are not the bytes that somebody stored for that place.
  static bool load(base::bytes value, uint64_t place, payload_header& to) {
    if (value.size() < size || base::load_little<uint32_t>(value.data()) != magic) return false;
    to.producer = base::load_little<uint32_t>(value.data() + 4);
    to.run = base::load_little<uint64_t>(value.data() + 8);
    to.sequence = base::load_little<uint64_t>(value.data() + 16);
    to.intended_ns = base::load_little<int64_t>(value.data() + 24);
    return base::load_little<uint64_t>(value.data() + 32) == to.check(base::xxh3(value.subspan(size)), place);
  }
};

/// Values ready to be sent but for their headers. Either a few forms in turn, whose hashes are known, or what comes next in
/// a larger store of letters.
class payload_pool {
 public:
  /// For values of up to `size_max` bytes. `forms`: all have exactly that, and may come again soon. Else no letters come
  /// again within `varied` bytes (0: few are enough).
  payload_pool(size_t size_max, bool forms, uint64_t seed, size_t varied = 0);
  /// The next value, good until the next call.
  base::bytes next(const payload_header& header, uint64_t place, size_t size);

 private:
  struct form {
    size_t at;      // in letters_
    uint64_t hash;  // of the body
  };
  std::vector<uint8_t> letters_;
  std::vector<form> forms_;
  size_t next_ = 0;  // form, or letter
};

}  // namespace millrace::generator
