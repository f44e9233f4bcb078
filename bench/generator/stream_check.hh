#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "base/bytes.hh"
#include "generator/payload.hh"

/// Whether what is read is what was written: each record once, unchanged, in its producer's order.

namespace millrace::generator {

struct verified {
  uint64_t records = 0;
  uint64_t missing = 0;
  uint64_t duplicates = 0;
  uint64_t out_of_order = 0;
  uint64_t corrupt = 0;  ///< unreadable, or from nobody of this run
  void add(const verified& o) {
    records += o.records;
    missing += o.missing;
    duplicates += o.duplicates;
    out_of_order += o.out_of_order;
    corrupt += o.corrupt;
  }
  bool good() const { return missing + duplicates + out_of_order + corrupt == 0; }
};

/// The records that one producer wrote to one partition, as somebody reads them.
class stream_check {
 public:
  /// `from_zero`: the first sequence of all is read; else whatever comes first is the begin.
  explicit stream_check(bool from_zero) : started_(from_zero) {}
  void take(uint64_t sequence, verified& count);
  /// Different sequences seen.
  uint64_t seen() const { return seen_; }
  /// Sequences that were passed over.
  uint64_t gaps() const;

 private:
  bool started_;
  uint64_t next_ = 0;
  uint64_t seen_ = 0;
  std::map<uint64_t, uint64_t> gaps_;  // first to behind the last
};

/// One partition as one group reads it. Its reader may change with the group's members, and cores: so it has a lock, taken
/// once for each answer.
class partition_check {
 public:
  struct expectation {
    uint64_t run = 0;
    int32_t partition = 0;
    int64_t foreign_until = 0;      ///< below it any run's records are good: they were there before
    bool from_zero = false;         ///< the first record of each producer of this run is read
    bool others_from_zero = false;  ///< and of each other one
  };
  void expect(expectation what) { expected_ = what; }
  std::mutex& lock() { return lock_; }
  /// One record at `offset`. True: its header is in `header`, and it is of this run.
  bool take(int64_t offset, const std::optional<base::bytes>& key, base::bytes value, payload_header& header);
  void corrupt(uint64_t records) { count_.corrupt += records; }
  /// The offset behind what was read.
  void reached(int64_t offset) { next_ = offset > next_ ? offset : next_; }
  int64_t next() const { return next_; }

  /// At the end. `acknowledged`: of each producer of this process by its number less `first`, how many records of this
  /// partition; empty where nothing was produced here.
  verified finish(const std::vector<uint64_t>& acknowledged, uint32_t first);

 private:
  using stream_key = std::pair<uint64_t, uint32_t>;  // run, producer
  std::mutex lock_;
  expectation expected_;
  int64_t next_ = 0;
  verified count_;
  std::map<stream_key, stream_check> streams_;
  std::map<stream_key, stream_check>::iterator last_ = streams_.end();
};

}  // namespace millrace::generator
