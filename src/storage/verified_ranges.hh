#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/tagged.hh"

/// What of a closed segment has passed the check of its CRCs since this process began: it may be answered without being
/// looked at again. Remembers starts of batches, some 64 KiB apart and where reads began, so that an answer can be cut
/// there: who reads on from one finds the next. About 16 bytes for 64 KiB, at most 0.5 MiB more for where reads began.

namespace millrace::storage {

class verified_ranges {
 public:
  struct range {
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  /// The batch at [position, end) whose first offset this is, is good. Batches of one read come in order; `read_begins` with
  /// the first of them.
  void note(bool read_begins, base::offset first, uint64_t position, uint64_t end);
  /// Good batches from that of exactly `wanted` on, at most `bytes_max`; nothing where `wanted` begins none that is
  /// remembered, or they do not fit.
  std::optional<range> find(base::offset wanted, uint64_t bytes_max) const;
  /// Where an answer of [begin, end) is better cut, so that who reads on finds a batch that is remembered; `end` where
  /// nothing is better.
  uint64_t better_end(uint64_t begin, uint64_t end) const;
  uint64_t memory() const noexcept { return runs_.size() * sizeof(run) + marks_ * sizeof(mark); }
  bool empty() const noexcept { return runs_.empty(); }
  void clear() noexcept {
    runs_.clear();
    marks_ = 0;
  }

 private:
  struct mark {
    base::offset first;
    uint64_t position = 0;
  };
  /// Batches without a gap.
  struct run {
    std::vector<mark> marks;  // never empty: the first is where it begins
    uint64_t end = 0;
  };
  void put_mark(run& r, mark m);
  std::vector<run> runs_;  // by position
  size_t marks_ = 0;       // of all runs
};

}  // namespace millrace::storage
