#include "generator/payload.hh"

#include <algorithm>

#include "base/assert.hh"
#include "base/prng.hh"

namespace millrace::generator {

namespace {

/// Few enough to stay in the nearest cache.
constexpr size_t forms_bytes = 16 * 1024;
constexpr size_t forms_max = 64;

}  // namespace

payload_pool::payload_pool(size_t size_max, bool fixed, uint64_t seed) : fixed_(fixed) {
  ASSERT(size_max >= payload_header::size);
  base::prng random(seed);
  forms_.resize(std::clamp<size_t>(forms_bytes / size_max, 2, forms_max));
  for (form& f : forms_) {
    f.bytes.resize(size_max);
    // Letters: six bits in eight, so that a codec has a little to do.
    random.fill(f.bytes);
    for (uint8_t& b : f.bytes) b = static_cast<uint8_t>('0' + (b & 63));
    f.hash = base::xxh3(base::bytes(f.bytes).subspan(payload_header::size));
  }
}

base::bytes payload_pool::next(const payload_header& header, size_t size) {
  form& f = forms_[turn_];
  turn_ = turn_ + 1 == forms_.size() ? 0 : turn_ + 1;
  const base::bytes value = base::bytes(f.bytes).first(size);
  header.store(f.bytes.data(), fixed_ ? f.hash : base::xxh3(value.subspan(payload_header::size)));
  return value;
}

}  // namespace millrace::generator
