#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/task.hh"
#include "storage/commit_reader.hh"
#include "storage/redo_log.hh"
#include "storage/survey.hh"

/// Redoes commit logs into segments: recovery's second step. It writes only what the commit logs say again, so it may be
/// cut short anywhere and begun anew.

namespace millrace::storage {

class redo {
 public:
  /// Of all logs together at most about `memory_max` bytes wait in memory for their files.
  redo(reactor::core& on, std::string data_dir, survey& found, size_t memory_max);

  /// Redoes one core's commit log from the checkpoint on to the end of its chain. Errors, logged: corrupt, foreign,
  /// no_space, no_memory, io.
  reactor::task<base::result<void>> run(checkpoint from);
  /// Everything in files, durable, leftovers removed.
  reactor::task<base::result<void>> finish();

  std::vector<log_state> states() const;
  uint64_t records() const noexcept { return records_; }
  uint64_t cut_groups() const noexcept { return cut_groups_; }
  uint64_t bytes() const;

 private:
  enum class verdict : uint8_t { not_ours, good, bad };
  enum class step : uint8_t { spill, finish };

  reactor::task<base::result<void>> follow(commit_reader& chain, uint32_t core);
  /// Checks the bytes of each entry of the current record.
  reactor::task<base::result<void>> judge(commit_reader& chain, uint32_t core);
  reactor::task<base::result<void>> apply(commit_reader& chain);
  redo_log* log_of(const record_entry& e, uint32_t core);
  /// Takes one step with all logs, some of them at a time.
  reactor::task<base::result<void>> each(step what);
  reactor::task<void> work(step what);

  reactor::core& core_;
  const std::string data_dir_;
  std::map<log_id, std::unique_ptr<redo_log>> logs_;
  const size_t memory_max_;
  size_t held_ = 0;
  uint64_t records_ = 0;
  uint64_t cut_groups_ = 0;
  std::vector<verdict> verdicts_;                               ///< of the current record's entries
  std::map<log_id, std::unique_ptr<redo_log>>::iterator todo_;  ///< the next log for a worker of each()
  base::result<void> outcome_;                                  ///< of each(): the first failure
};

}  // namespace millrace::storage
