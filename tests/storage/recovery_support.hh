#pragma once

#include <doctest/doctest.h>

#include "reference_writer.hh"
#include "storage/recovery.hh"

/// Words that the tests of recovery share.

namespace millrace::storage::test {

struct directory_on_disk {
  explicit directory_on_disk(uint64_t seed = 1) : w(seed) {}
  sim::world w;
  sim::node& n = w.add_node();
  base::result<recovered> recover_now() { return w.run(n, 0, recover(n.core(), data_dir)); }
};

inline const log_state* find(const recovered& r, const log_id& id) {
  for (const log_state& l : r.logs) {
    if (l.id == id) return &l;
  }
  return nullptr;
}

inline part inline_part(size_t log, size_t payload, uint8_t fill, int32_t count = 1) {
  return part{.log = log, .batches = {make_batch(0, count, payload, fill)}};
}

/// A checkpoint of an empty log, then three groups that only the commit log holds.
inline reference_writer three_groups() {
  reference_writer writer;
  writer.add_log(1);
  writer.take_checkpoint();
  for (uint8_t i = 1; i <= 3; ++i) {
    writer.append({inline_part(0, 1000 * i, i)}, i - 1);
    writer.complete(writer.groups.back());
  }
  return writer;
}

}  // namespace millrace::storage::test
