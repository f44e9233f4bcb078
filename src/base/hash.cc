#include "base/hash.hh"

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include <xxh_x86dispatch.h>

#include <new>

namespace millrace::base {
namespace {

/// The library looks at the processor at its first long input and remembers what it saw. That
/// happens here, before there are threads.
[[maybe_unused]] const uint64_t looked_at_processor = [] {
  constexpr uint8_t zeros[1024]{};
  xxh3_stream stream;
  stream.add(zeros);
  return stream.digest() ^ xxh3(zeros);
}();

}  // namespace

uint64_t xxh3(bytes data, uint64_t seed) noexcept { return XXH3_64bits_withSeed_dispatch(data.data(), data.size(), seed); }

static_assert(sizeof(XXH3_state_t) == 576 && alignof(XXH3_state_t) <= 64);

hash128 xxh3_128(bytes data, uint64_t seed) noexcept {
  const XXH128_hash_t hash = XXH3_128bits_withSeed_dispatch(data.data(), data.size(), seed);
  return {hash.low64, hash.high64};
}

xxh3_stream::xxh3_stream(uint64_t seed) noexcept {
  auto* state = new (state_) XXH3_state_t;
  XXH3_INITSTATE(state);
  XXH3_64bits_reset_withSeed(state, seed);
}
void xxh3_stream::add(bytes piece) noexcept {
  if (piece.empty()) return;
  XXH3_64bits_update_dispatch(std::launder(reinterpret_cast<XXH3_state_t*>(state_)), piece.data(), piece.size());
}
uint64_t xxh3_stream::digest() const noexcept {
  return XXH3_64bits_digest(std::launder(reinterpret_cast<const XXH3_state_t*>(state_)));
}

}  // namespace millrace::base
