#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hh"
#include "base/prng.hh"
#include "base/time.hh"
#include "workload/read_batch.hh"
#include "workload/run_options.hh"

/// Batches as a producer makes them, and as a consumer takes them apart.

namespace millrace::swarm {

struct made_batch {
  std::vector<uint8_t> bytes;
  uint64_t body = 0;           ///< as read_batch::body
  std::vector<int64_t> times;  ///< of its records
  keyed_records keyed;         ///< its records, where they have keys
};

/// How an idempotent producer numbers a batch.
struct batch_numbers {
  int64_t producer = -1;
  int16_t epoch = -1;
  int32_t sequence = -1;
};

/// A random batch, unlike any other: its values hold at least sixteen random bytes. Times lie
/// around `now`.
made_batch make_batch(base::prng& random, const run_options& o, base::unix_ms now, const batch_numbers& numbers = {});

/// The same with keys, of which there are few, and tombstones.
made_batch make_keyed_batch(base::prng& random, const run_options& o, base::unix_ms now, const batch_numbers& numbers = {});

/// A batch of one random record that is `bytes` long in all.
made_batch batch_of(base::prng& random, size_t bytes, base::unix_ms now);

/// The batches of a fetch answer. False where they are not whole batches back to back.
bool take_apart(base::bytes records, read_batches& out);

/// The records of the same, all of which have keys; nothing where that is not so, or a CRC is wrong.
std::optional<keyed_records> keyed_records_of(base::bytes records);

}  // namespace millrace::swarm
