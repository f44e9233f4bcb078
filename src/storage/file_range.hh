#pragma once

#include <cstdint>

/// Where in a file the bytes of a read are.

namespace millrace::storage {

class segment;

/// A place in the file of a closed segment that is opened for splicing. While this lives the file is neither closed nor
/// unlinked, though its log may be removed: a client that takes nothing keeps its own file, and nobody waiting. Made and let
/// go on the log's core; the number of the file may be used on any.
class file_range {
 public:
  file_range() = default;
  file_range(segment& in, uint64_t position);
  file_range(file_range&& other) noexcept;
  file_range& operator=(file_range&& other) noexcept;
  ~file_range() { let_go(); }

  explicit operator bool() const noexcept { return segment_ != nullptr; }
  int handle() const noexcept { return handle_; }
  uint64_t position() const noexcept { return position_; }

 private:
  void let_go() noexcept;

  segment* segment_ = nullptr;
  uint64_t position_ = 0;
  int handle_ = -1;
};

}  // namespace millrace::storage
