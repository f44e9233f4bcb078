#include "generator/payload.hh"

#include <algorithm>

#include "base/assert.hh"
#include "base/prng.hh"

namespace millrace::generator {

namespace {

/// Few enough to stay in the nearest cache.
constexpr size_t near_bytes = 16 * 1024;
constexpr size_t forms_max = 64;

}  // namespace

payload_pool::payload_pool(size_t size_max, bool forms, uint64_t seed, size_t varied) {
  ASSERT(size_max >= payload_header::size);
  const size_t count = std::clamp<size_t>(near_bytes / size_max, 2, forms_max);
  letters_.resize(forms ? count * size_max : std::max({varied, near_bytes, 2 * size_max}));
  // Letters: six bits in eight, so that a codec has a little to do.
  base::prng random(seed);
  random.fill(letters_);
  for (uint8_t& b : letters_) b = static_cast<uint8_t>('0' + (b & 63));
  for (size_t i = 0; forms && i < count; ++i) {
    const base::bytes value = base::bytes(letters_).subspan(i * size_max, size_max);
    forms_.push_back({.at = i * size_max, .hash = base::xxh3(value.subspan(payload_header::size))});
  }
}

base::bytes payload_pool::next(const payload_header& header, uint64_t place, size_t size) {
  if (!forms_.empty()) {
    const form& f = forms_[next_];
    next_ = next_ + 1 == forms_.size() ? 0 : next_ + 1;
    header.store(letters_.data() + f.at, f.hash, place);
    return base::bytes(letters_).subspan(f.at, size);
  }
  if (next_ + size > letters_.size()) next_ = 0;
  const base::bytes value = base::bytes(letters_).subspan(next_, size);
  header.store(letters_.data() + next_, base::xxh3(value.subspan(payload_header::size)), place);
  next_ += size;
  return value;
}

}  // namespace millrace::generator
