#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.hh"
#include "record/batch_builder.hh"
#include "record/batch_view.hh"

/// Batches for the tests of this room: random ones with a plain copy of what is in them.

namespace millrace::record::tests {

struct plain_record {
  int32_t offset_delta;
  unix_ms timestamp;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
};

inline std::optional<bytes> view_of(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  return base::as_bytes(*text);
}

inline std::string random_text(base::prng& random, size_t size_max) {
  std::string text(random.below(size_max + 1), ' ');
  for (char& c : text) c = static_cast<char>('a' + random.below(6));
  return text;
}

struct shape {
  size_t count_max = 40;
  size_t text_max = 200;
  bool gaps = false;
};

inline std::vector<plain_record> random_records(base::prng& random, const shape& s = {}) {
  std::vector<plain_record> records(1 + random.below(s.count_max));
  int32_t delta = 0;
  for (plain_record& r : records) {
    delta += s.gaps ? static_cast<int32_t>(random.below(4)) : 0;
    r.offset_delta = delta++;
    r.timestamp = random.chance(0.05) ? no_timestamp : 1700000000000 + random.between(-5000, 5000);
    if (random.chance(0.7)) r.key = random_text(random, 30);
    if (random.chance(0.9)) r.value = random_text(random, s.text_max);
    r.headers.resize(random.chance(0.3) ? random.below(4) : 0);
    for (auto& [key, value] : r.headers) {
      key = random_text(random, 10);
      if (random.chance(0.8)) value = random_text(random, 20);
    }
  }
  return records;
}

/// The batch of these records, alone in a vector.
inline std::vector<uint8_t> batch_of(const std::vector<plain_record>& records, const batch_options& options = {}) {
  std::vector<uint8_t> out;
  batch_builder builder(out, options);
  for (const plain_record& r : records) {
    std::vector<header_field> headers;
    for (const auto& [key, value] : r.headers) headers.push_back({key, view_of(value)});
    builder.add_at(r.offset_delta, {r.timestamp, view_of(r.key), view_of(r.value), headers});
  }
  const auto built = builder.finish();
  ASSERT(built.ok());
  return out;
}

inline batch_view view(bytes data) { return batch_view::frame(data).value(); }

inline constexpr uint64_t plenty = 1 << 30;

}  // namespace millrace::record::tests
