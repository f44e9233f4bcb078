#pragma once

#include <sys/uio.h>

#include <vector>

#include "base/bytes.hh"
#include "reactor/memory.hh"

/// The outgoing bytes of one connection, as a gather list: encoded headers in pooled blocks, record batches where they
/// are. First filled, then sent; a connection has two, and fills one while the other leaves.

namespace millrace::api::kafka {

/// Bytes of an answer that are in a file.
struct file_piece {
  int handle = -1;
  uint64_t position = 0;
  uint64_t size = 0;
};

class reply_buffer {
 public:
  explicit reply_buffer(reactor::memory& pool) : pool_(&pool) {}

  /// Contiguous memory for `bytes` of encoded answer, at the end of the list.
  base::mutable_bytes append(size_t bytes);
  /// Memory for `bytes` that is not in the list yet: refer() puts parts of it there.
  base::mutable_bytes reserve(size_t bytes);
  /// Bytes that stay where they are until they are sent.
  void refer(base::bytes data);
  /// Bytes that stay in a file, which stays open, until they are sent.
  void refer(const file_piece& data);

  bool empty() const noexcept { return first_ == pieces_.size(); }
  size_t bytes() const noexcept { return bytes_; }
  /// Bytes of memory for what was encoded, beside the small block that stays.
  size_t held() const noexcept { return held_; }
  /// With that block, where there is one.
  size_t held_in_all() const noexcept;
  /// The next pieces to send: at most `bytes_max` and `count_max` of them, cut where needed.
  std::span<const iovec> next(size_t bytes_max, size_t count_max);
  /// Whether what comes next is in a file; then next_file() takes it, and next() gives nothing.
  bool at_file() const noexcept { return first_ < pieces_.size() && pieces_[first_].iov_base == nullptr; }
  /// At most `bytes_max` of it.
  file_piece next_file(size_t bytes_max);
  /// Forgets what was sent and keeps a small block for the next filling.
  void clear_sent();
  /// Forgets what was sent and keeps no block.
  void clear_all();

 private:
  reactor::memory* pool_;
  std::vector<iovec> pieces_;  // without an address: the next of files_
  std::vector<file_piece> files_;
  size_t first_file_ = 0;  // of files_: not sent yet
  size_t first_ = 0;       // of pieces_: not sent yet
  size_t bytes_ = 0;       // not sent yet
  std::vector<iovec> sending_;
  std::vector<reactor::chunk> blocks_;  // in use, the last one is being filled
  size_t block_used_ = 0;
  size_t held_ = 0;
  std::vector<std::vector<uint8_t>> overflow_;  // where the pool had nothing: answers must leave
};

}  // namespace millrace::api::kafka
