#pragma once

#include <vector>

#include <doctest/doctest.h>

#include "record/batch_builder.hh"

namespace millrace::broker::test {

/// How a producer numbers a batch.
struct numbers {
  int64_t id = 0;
  int16_t epoch = 0;
  int32_t first = 0;
  int32_t count = 1;  ///< records
};

inline std::vector<uint8_t> numbered_batch(const numbers& n, base::offset at = base::offset{0}, size_t value_bytes = 10) {
  std::vector<uint8_t> bytes;
  record::batch_options options;
  options.base_offset = at;
  options.producer_id = n.id;
  options.producer_epoch = n.epoch;
  options.base_sequence = n.first;
  record::batch_builder builder(bytes, options);
  const std::vector<uint8_t> value(value_bytes, 'v');
  for (int32_t i = 0; i < n.count; ++i) builder.add({.timestamp = int64_t{1000} + n.first, .value = base::bytes(value)});
  REQUIRE(builder.finish());
  return bytes;
}

}  // namespace millrace::broker::test
