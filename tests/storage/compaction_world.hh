#pragma once

#include <optional>
#include <string>
#include <vector>

#include "log_world.hh"
#include "record/batch_header.hh"

/// One compacted log in the world, of records with keys, and what it has to hold: of each key the last acknowledged record,
/// each record at its own offset.

namespace millrace::storage::test {

struct keyed_record {
  std::string key;
  std::optional<std::string> value;  ///< none: a tombstone
  base::unix_ms time = 0;
  friend bool operator==(const keyed_record&, const keyed_record&) = default;
};

struct compaction_world : log_world {
  explicit compaction_world(uint64_t seed, world_setup o = {});
  static world_setup small(world_setup o);

  model_log& m() { return *logs[0]; }
  log& l() { return *find(m()); }
  /// Appends these records as one batch; waits for room.
  void put(const std::vector<keyed_record>& records, record::codec codec = record::codec::none);
  /// So many batches of one to four records with keys among `keys`; some of them tombstones.
  void put_random(unsigned batches, unsigned keys, double tombstones = 0.1);
  void put_one(const std::string& key, std::optional<std::string> value) { put({{key, std::move(value), now_ms()}}); }
  base::unix_ms now_ms() { return n.core().wall_clock(); }
  /// Everything is acknowledged, and all but the active segment closed.
  void rest();
  /// Ends the active segment.
  void roll();
  base::result<compaction_outcome> pass();
  std::optional<compaction_candidate> look();

  struct stored {
    int64_t offset;
    keyed_record record;
  };
  /// All that a reader from `from` on sees, in order; each record is what was put at its offset.
  std::vector<stored> read_all(int64_t from = 0);
  /// The last record of each key is there, or it was a tombstone; what lies from `clean_to` on is there whole; of what lies
  /// below, nothing that has a newer record below. None: how far it is compacted is not known.
  void check_compacted(std::optional<int64_t> clean_to);
  /// Reads by time find what a reader of everything sees.
  void check_times();
  std::vector<std::string> files();

  std::vector<keyed_record> put_so_far;  ///< by offset
};

}  // namespace millrace::storage::test
