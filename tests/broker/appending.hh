#pragma once

#include <utility>
#include <vector>

#include "broker/partition/work.hh"

namespace millrace::broker::test {

/// One batch for one partition, and whether its answer came.
struct appending final : append_work {
  appending(const storage::log_id& id, std::vector<uint8_t> bytes, int16_t wanted_acks = -1) : batch(std::move(bytes)) {
    part.id = id;
    part.batch = batch;
    parts = {&part, 1};
    acks = wanted_acks;
  }
  void on_settled() override { done = true; }
  std::vector<uint8_t> batch;
  append_part part;
  bool done = false;
};

}  // namespace millrace::broker::test
