#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/assert.hh"
#include "base/bytes.hh"

/// What bytes from outside may do: nothing but an answer or an error. A target takes one input; whatever is wrong ends the
/// process, by an ASSERT here or in the broker, or by a sanitizer. The same targets run under libFuzzer (libfuzzer_main.cc)
/// and under our own small driver (plain_main.cc), which every build has.

namespace millrace::fuzz {

struct target {
  const char* name;
  const char* vectors;  ///< the folder of its inputs below tests/vectors
  void (*run)(base::bytes input);
  /// Inputs of a smoke run: what some seconds are enough for.
  unsigned smoke_runs;
};

/// All there are; one program each, fuzz_<name>.
std::span<const target> targets();
/// Null where there is none of that name.
const target* find_target(std::string_view name);

void kafka_frame(base::bytes input);
void door_stream(base::bytes input);
void record_batch(base::bytes input);
void recovery_image(base::bytes input);
void small_files(base::bytes input);
void http_stream(base::bytes input);

/// Takes decisions from the front of an input; zeros when it is used up.
class source {
 public:
  explicit source(base::bytes input) : rest_(input) {}
  bool empty() const noexcept { return rest_.empty(); }
  uint8_t byte() noexcept {
    if (rest_.empty()) return 0;
    const uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  uint16_t two() noexcept {
    const unsigned high = byte();
    return static_cast<uint16_t>(high << 8 | byte());
  }
  uint32_t four() noexcept {
    const uint32_t high = two();
    return high << 16 | two();
  }
  /// At most `bytes` from the front.
  base::bytes take(size_t bytes) noexcept {
    const base::bytes taken = rest_.first(std::min(bytes, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  base::bytes rest() const noexcept { return rest_; }

 private:
  base::bytes rest_;
};

/// A copy in memory of its own size, so that a sanitizer sees a read one past the end.
inline std::vector<uint8_t> copy_of(base::bytes data) {
  std::vector<uint8_t> copy(data.begin(), data.end());
  copy.shrink_to_fit();
  return copy;
}

}  // namespace millrace::fuzz
