#pragma once

#include <vector>

#include "broker/partition/broker_core.hh"
#include "reactor/wait.hh"
#include "record/batch_builder.hh"

namespace millrace::broker::test {

/// Appends a batch of one record to a partition, on its core, when there is room (after a start its
/// tail is read first), and waits for its acknowledgement.
inline reactor::task<base::result<void>> append_one(broker_core* there, storage::log_id id) {
  std::vector<uint8_t> bytes;
  record::batch_builder builder(bytes, {});
  builder.add({.timestamp = 1, .key = std::nullopt, .value = base::as_bytes("x"), .headers = {}});
  CO_TRY_CHECK(builder.finish());
  const auto batch = record::batch_view::frame(bytes);
  storage::log& log = there->find(id)->log();
  auto done = log.append(*batch, there->epoch(), storage::crc_check::compute);
  while (!done && done.error().code == base::errc::busy) {
    co_await there->logs().room().wait();
    done = log.append(*batch, there->epoch(), storage::crc_check::compute);
  }
  if (!done) co_return done.failure();
  while (there->find(id)->high_watermark() < done->next) co_await reactor::sleep(there->on(), base::milliseconds(1));
  co_return base::result<void>();
}

}  // namespace millrace::broker::test
