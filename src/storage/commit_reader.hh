#pragma once

#include <cstdint>
#include <string>

#include "base/result.hh"
#include "reactor/core.hh"
#include "reactor/file.hh"
#include "reactor/memory.hh"
#include "reactor/task.hh"
#include "storage/checkpoint.hh"
#include "storage/commit_record.hh"

/// Reads the chain of a core's commit log from where a checkpoint says that it goes on. A record belongs to the chain by its
/// commit log's id, its number and the digest of the record before it; nothing else makes it one. Used by recovery only.

namespace millrace::storage {

/// A part of a commit log's file in memory, moved to where somebody looks.
class ring_window {
 public:
  ring_window(reactor::core& on, reactor::file& from) : core_(on), file_(from) {}
  /// The bytes of [position, position + bytes): whole blocks, at most record_bytes_max, inside of the file. They stay until
  /// the next call. Errors: truncated, no_memory, io.
  reactor::task<base::result<base::bytes>> view(uint64_t position, uint64_t bytes, uint64_t file_bytes);

 private:
  reactor::core& core_;
  reactor::file& file_;
  reactor::chunk memory_;
  uint64_t begin_ = 0;
  uint64_t end_ = 0;
};

class commit_reader {
 public:
  commit_reader(reactor::core& on, std::string path);

  /// Errors: not_found, foreign, corrupt, malformed (its header, or a size that it does not have), io.
  reactor::task<base::result<void>> open(uint64_t commit_log, uint64_t next_record, uint64_t next_position,
                                         uint64_t previous_digest);
  /// Moves to the next record; false at the end of the chain. corrupt where what lies there is damaged: a later record
  /// calls it durable.
  reactor::task<base::result<bool>> next();
  const parsed_record& record() const noexcept { return record_; }
  base::bytes inline_bytes(size_t entry) const {
    return bytes_.subspan(record_.inline_at[entry], static_cast<size_t>(record_.entries[entry].inline_bytes()));
  }
  /// Whether a record behind the current one calls it durable. The current record stays.
  reactor::task<base::result<bool>> is_called_durable();
  /// Records of this commit log seen at and behind the end of the chain, when next() or is_called_durable() looked there.
  uint64_t seen_behind() const noexcept { return seen_behind_; }
  reactor::task<void> close();

 private:
  reactor::task<base::result<bool>> take(uint64_t position);
  reactor::task<base::result<bool>> look_ahead(uint64_t position, uint64_t least_number, uint64_t durable);

  reactor::core& core_;
  std::string path_;
  reactor::file file_;
  uint64_t file_bytes_ = 0;
  ring_window chain_;
  ring_window ahead_;

  uint64_t commit_log_ = 0;
  uint64_t number_ = 0;    ///< of the next record
  uint64_t position_ = 0;  ///< where it lies, or at the ring's begin
  uint64_t previous_ = 0;
  parsed_record record_;
  base::bytes bytes_;  ///< of the current record, in chain_
  uint64_t seen_behind_ = 0;
};

}  // namespace millrace::storage
